/**
 * The part of the configuration that says how this host shares stored bytes with others. Without
 * `listen` it does not.
 */
import { isAbsolute } from 'node:path';
import { isHostPort, parseHostPort } from '@shoal/oci/host-port';
import { type HostFacts, parseHostName } from '@shoal/p2p-peer/host';
import * as z from 'zod';
import { ORIGINS_MAX, PEER_BYTES_MAX_DEFAULT } from '../limits.ts';

const absolutePath = z.string().refine(isAbsolute, 'must be an absolute path');
const address = z.string().refine(isHostPort, 'must be host:port');
const rate = z.number().int().min(1).max(Number.MAX_SAFE_INTEGER);
const place = z.string().max(255);
const hostName = z.string().transform((text, context) => {
  try {
    return parseHostName(text);
  } catch {
    context.addIssue({ code: 'custom', message: 'is not the name of a host' });
    return z.NEVER;
  }
});

/** No host that others could connect to. */
function isWildcard(listen: string | undefined): boolean {
  if (listen === undefined) return false;
  const { host } = parseHostPort(listen);
  return host === '0.0.0.0' || host === '::';
}

/** The table of the file that is decoded here. */
export const peerTable = {
  peer: z
    .strictObject({
      listen: address.optional(),
      advertise: address.optional(),
      identity: absolutePath.optional(),
      zone: place.optional(),
      rack: place.optional(),
      directory: absolutePath.optional(),
      bytes_max: z.number().int().min(1).max(Number.MAX_SAFE_INTEGER).optional(),
      upload_bytes_per_second: rate.optional(),
      download_bytes_per_second: rate.optional(),
      origins: z
        .array(
          z
            .string()
            .regex(/^[a-z0-9.-]+(?::\d{1,5})?(?:\/[^\s/]+)*$/, 'must be host[:port][/path]'),
        )
        .max(ORIGINS_MAX)
        .optional(),
      trackers: z
        .array(z.url({ protocol: /^https$/ }))
        .max(16)
        .optional(),
      seeds: z
        .array(
          z.strictObject({
            host: hostName,
            address,
            zone: place.optional(),
            rack: place.optional(),
          }),
        )
        .max(1000)
        .optional(),
    })
    .refine(({ listen, advertise }) => advertise !== undefined || !isWildcard(listen), {
      path: ['advertise'],
      message: 'must be given where listen names no address that others can connect to',
    })
    .refine(({ listen, identity }) => listen === undefined || identity !== undefined, {
      path: ['identity'],
      message: 'must be given with listen: `shoal ca issue` makes one',
    })
    .optional(),
};

const tableSchema = z.object(peerTable);

export type PeerConfig = {
  /** `host:port` where other hosts connect. */
  readonly listen: string;
  /** What they are told to connect to; undefined: `listen`. */
  readonly advertise: string | undefined;
  /** Directory of the certificate, its key and the authority. */
  readonly identityDirectory: string;
  readonly zone: string;
  readonly rack: string;
  /** Where stored bytes are kept for others; undefined: below the root. */
  readonly directory: string | undefined;
  readonly bytesMax: number;
  /** What others are sent; undefined: no limit. */
  readonly uploadBytesPerSecond: number | undefined;
  /** What is fetched for this host's readers; undefined: no limit. */
  readonly downloadBytesPerSecond: number | undefined;
  /** Registries, and beginnings of repositories, that this host fetches from for others. */
  readonly origins: readonly string[];
  readonly trackers: readonly string[];
  readonly seeds: readonly HostFacts[];
};

/** Undefined where the host does not share. */
export function peerConfigOf({ peer }: z.output<typeof tableSchema>): PeerConfig | undefined {
  if (peer?.listen === undefined || peer.identity === undefined) return undefined;
  return {
    listen: peer.listen,
    advertise: peer.advertise,
    identityDirectory: peer.identity,
    zone: peer.zone ?? '',
    rack: peer.rack ?? '',
    directory: peer.directory,
    bytesMax: peer.bytes_max ?? PEER_BYTES_MAX_DEFAULT,
    uploadBytesPerSecond: peer.upload_bytes_per_second,
    downloadBytesPerSecond: peer.download_bytes_per_second,
    origins: peer.origins ?? [],
    trackers: peer.trackers ?? [],
    seeds: (peer.seeds ?? []).map(({ host, address: at, zone = '', rack = '' }) => ({
      ...{ host, role: 'seed' as const, zone, rack, address: at },
    })),
  };
}
