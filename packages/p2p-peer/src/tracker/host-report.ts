/** What hosts tell their trackers every few seconds, and what these answer. JSON, checked on both sides. */
import { isHostPort } from '@shoal/oci/host-port';
import { z } from 'zod';
import { REPOSITORY_CHARACTERS_MAX } from '../trust/limits.ts';
import {
  ANSWER_HOSTS_MAX,
  ANSWER_PREHEATS_MAX,
  ANSWER_TOKEN_CHARACTERS_MAX,
  IMAGE_NAME_MAX,
  REPORT_ADDRESS_CHARACTERS_MAX,
  REPORT_BLOBS_MAX,
  REPORT_PREHEATS_MAX,
  SHOWN_NAME_MAX,
} from './limits.ts';

/** No control characters: they are nobody's name. What else it holds is shown as text. */
export const shownName = z
  .string()
  .max(SHOWN_NAME_MAX)
  .regex(/^\P{Cc}*$/u);
const imageName = z
  .string()
  .max(IMAGE_NAME_MAX)
  .regex(/^\P{Cc}*$/u);

/** `host:port`, `[IPv6]:port`. */
export const peerAddress = z.string().max(REPORT_ADDRESS_CHARACTERS_MAX).refine(isHostPort);
const bytes = z.int().nonnegative();
const rate = z.number().nonnegative().max(1e15);
const milliseconds = z.number().nonnegative().max(1e12);
const hex40 = z.string().regex(/^[0-9a-f]{40}$/);
export const preheatId = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/);

/** Bytes per second, received from each kind of source and sent, as a host's `PeerTraffic` has counted them. */
export const ratesSchema = z.strictObject({
  /** Served from this host's own store. */
  local: rate,
  rack: rate,
  zone: rate,
  other: rate,
  origin: rate,
  upload: rate,
});
export type TransferRates = z.infer<typeof ratesSchema>;

export const NO_RATES: TransferRates = {
  local: 0,
  rack: 0,
  zone: 0,
  other: 0,
  origin: 0,
  upload: 0,
};

const reportedBlobSchema = z.strictObject({
  blob: z.string().regex(/^[0-9a-f]{64}$/),
  sizeBytes: bytes,
  heldBytes: bytes,
  /** `registry/repository` that it was read from; the host's grant has to cover it. */
  repository: z.string().max(REPOSITORY_CHARACTERS_MAX),
  /** Of the image it belongs to, for people. */
  name: imageName.optional(),
  /** Of its torrent, where it has one. */
  infohash: hex40.optional(),
});
export type ReportedBlob = z.infer<typeof reportedBlobSchema>;

export const PREHEAT_STATES = ['waiting', 'running', 'done', 'failed', 'cancelled'] as const;

const preheatProgressSchema = z.strictObject({
  id: preheatId,
  reference: imageName,
  state: z.enum(PREHEAT_STATES),
  bytesDone: bytes,
  bytesTotal: bytes,
  message: shownName.optional(),
});
export type PreheatProgress = z.infer<typeof preheatProgressSchema>;

export const hostReportSchema = z.strictObject({
  version: shownName,
  peerId: hex40,
  zone: shownName,
  rack: shownName,
  address: peerAddress,
  /** True in its last one: the host is forgotten at once. */
  isStopping: z.boolean().optional(),
  rates: ratesSchema,
  /** How long reads of absent bytes waited lately. */
  missMs: z.strictObject({ p50: milliseconds, p99: milliseconds }).optional(),
  blobs: z.array(reportedBlobSchema).max(REPORT_BLOBS_MAX),
  preheats: z.array(preheatProgressSchema).max(REPORT_PREHEATS_MAX),
});
export type HostReport = z.infer<typeof hostReportSchema>;

const preheatOrderSchema = z.strictObject({
  id: preheatId,
  reference: imageName,
  platform: shownName.optional(),
});
/** What a host should make ready. */
export type PreheatOrder = z.infer<typeof preheatOrderSchema>;

export const reportAnswerSchema = z.object({
  /** When the host should report again. */
  nextReportMs: milliseconds,
  preheats: z.array(preheatOrderSchema).max(ANSWER_PREHEATS_MAX),
  /** Of preheats that somebody has ended. One that is in neither list goes on: a tracker that was started anew knows none. */
  cancelledPreheats: z.array(preheatId).max(ANSWER_PREHEATS_MAX),
});
export type ReportAnswer = z.infer<typeof reportAnswerSchema>;

export const hostFactsSchema = z.object({
  host: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$/),
  role: z.enum(['peer', 'seed']),
  zone: shownName,
  rack: shownName,
  address: peerAddress,
});

export const hostsAnswerSchema = z.object({
  hosts: z.array(hostFactsSchema).max(ANSWER_HOSTS_MAX),
});

export const tokenAnswerSchema = z.object({
  token: z.string().max(ANSWER_TOKEN_CHARACTERS_MAX),
  expiresAtMs: z.number(),
});
