/** What the read of a range works with: whom it asks and how, whom it tells what. */
import type { Priority } from '@shoal/blob-store';
import type { PeerId } from '../identity/peer-id.ts';
import type { PeerCounts } from '../peer-counts.ts';
import type { ByteRange } from '../ranges/byte-range.ts';
import type { RefusalReason } from '../select/range-read.ts';
import type { SwarmView } from '../select/read-action.ts';
import type { ReadPolicy } from '../select/read-policy.ts';

/** Who sent bytes. */
export type Sender = PeerId | 'origin';

export type RangeFetchInput = {
  readonly view: SwarmView;
  readonly policy: Partial<ReadPolicy>;
  /** Asks a peer; connects to it first where there is no wire. Rejects with the errors of wires; `failureOf` reads them. */
  readonly ask: (
    peer: PeerId,
    range: ByteRange,
    options: { readonly signal: AbortSignal; readonly priority: Priority },
  ) => Promise<Buffer>;
  /** Reads the origin. */
  readonly readOrigin: (range: ByteRange, options: OriginReadOptions) => Promise<Buffer>;
  /**
   * As long as the range, and nobody changes it afterwards: bytes of the origin are told as soon as they
   * come then. @default memory of its own, and each read of the origin is told when it has ended
   */
  readonly memory?: Buffer | undefined;
  /** What it means that asking a peer failed. */
  readonly failureOf: (error: unknown, peer: PeerId) => AskFailure;
  /** Told of the bytes that count, once each; they stay as they are until what it returns resolves. */
  readonly onBytes: (
    sender: Sender,
    range: ByteRange,
    bytes: Buffer,
  ) => Promise<unknown> | undefined;
  /** A peer was given up. */
  readonly onGivenUp: (peer: PeerId, reason: 'late' | 'silent') => void;
  readonly counts: Pick<PeerCounts, 'asked' | 'ended'>;
  readonly nowMs: () => number;
};

export type OriginReadOptions = {
  readonly signal: AbortSignal;
  readonly priority: () => Priority;
  /** As long as the range: where they may be put, see `BlobReadOptions`. */
  readonly memory: Buffer;
  readonly onBytes?: (offset: number, bytes: Buffer) => void;
};

export type AskFailure =
  | { readonly kind: 'refused'; readonly reason: RefusalReason }
  /** Its wire is closed, or there is none. */
  | { readonly kind: 'lost' };
