/** What a peer is told when it is opened, and what it is given to work with. */
import type { CodecPool } from '@shoal/blob-store';
import type { BlobId } from '@shoal/oci';
import type { HostFacts } from '../identity/host.ts';
import type { TimedBlock } from '../peer-counts.ts';
import type { PlainOptions } from '../plain/plain-side.ts';
import type { PublicOrigin } from '../plain/public-origin.ts';
import type { Lender } from '../store/lender.ts';
import type { StoreEvent } from '../store/store-event.ts';
import type { HomeOriginOf } from '../swarm/home-reads.ts';
import type { WireLog } from '../wire/wire-log.ts';
import type { HostReportInput } from './host-report-of.ts';
import type { WarmImage } from './preheats.ts';

export type PeerOptions = {
  /** Directory of ca.crt, tls.crt, tls.key and token.pub. */
  readonly identityDirectory: string;
  readonly listenHost: string;
  /** 0 for any free one. */
  readonly port: number;
  /** What others are told to connect to; port 0 stands for the one that is listened at. */
  readonly advertise: { readonly host: string; readonly port: number };
  readonly zone: string;
  readonly rack: string;
  /** Of the store. */
  readonly directory: string;
  readonly bytesMax: number;
  /** What others are sent. @default no limit */
  readonly uploadBytesPerSecond?: number | undefined;
  /** What is fetched for this host's readers, from peers and origins. @default no limit */
  readonly downloadBytesPerSecond?: number | undefined;
  /** Each `https://host:port`. */
  readonly trackers: readonly string[];
  /** Hosts that are known without any tracker. */
  readonly seeds: readonly HostFacts[];
  /** Names of services behind which there are hosts, beside trackers or without. */
  readonly discovery?: DiscoveryOptions | undefined;
  /** PEM file of the keys that tokens are checked with. @default `token.pub` of the identity */
  readonly tokenKeysFile?: string | undefined;
  /** For people who look at the swarm. */
  readonly version: string;
  /** The port of standard clients. @default there is none */
  readonly plain?: PlainOptions | undefined;
};

export type DiscoveryOptions = {
  /** Each `name:port`, or the name of SRV records. */
  readonly services: readonly string[];
  readonly intervalMs: number;
  /** DNS servers as `address` or `address:port`; none: the system's. */
  readonly servers: readonly string[];
};

export type PeerComponents = {
  /** This host's own way to the origins of repositories, for what it fetches as a home. */
  readonly originOf: HomeOriginOf;
  readonly pool: CodecPool;
  /** Fetches all of an image that a tracker wants ready. */
  readonly warm: WarmImage;
  /** What anybody reads of registries: without it nothing is public. */
  readonly publicOrigin?: PublicOrigin | undefined;
  /** How long reads of absent bytes waited lately, for people who look at the swarm. */
  readonly missMs?: HostReportInput['missMs'];
  /** What the mount cache takes of the same budget, in bytes. */
  readonly otherBytes?: () => number;
  readonly isCompleteElsewhere?: (blobId: BlobId) => boolean;
  /** Has stored bytes of blobs in other files of this host. @default nobody */
  readonly lender?: Lender | undefined;
  readonly onStoreEvent?: (event: StoreEvent) => void;
  /** A block has come from another host; for counters. */
  readonly onBlock?: (block: TimedBlock) => void;
  /** Something about others failed that an operator may want to know. */
  readonly onProblem?: (error: unknown) => void;
  /** Gets all messages of all wires. */
  readonly wireLog?: WireLog | undefined;
};
