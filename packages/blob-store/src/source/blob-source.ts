/**
 * Where stored (compressed) bytes of blobs come from: one small interface, and what else shapes
 * reads (fail-over, a bandwidth, exact lengths) is a wrapper around it.
 */
import type { BlobId } from '@shoal/oci';
import type { BytesListener } from '@shoal/registry-client';
import type { Priority } from './priority.ts';

/** Why bytes were fetched; readahead is what the cache added to a demand read by itself. */
export type FetchCause = Priority | 'readahead';

export type BlobKey = {
  readonly blobId: BlobId;
  /** Bytes of the whole stored blob, when known (it is in the image's manifest). */
  readonly sizeBytes?: number;
};

/** A blob as it is stored; one of another size is another blob, since an image may name any. */
export type SizedBlob = Required<BlobKey>;

/** What a reader found stored bytes to be, once it had decoded them and compared their digests. */
export type Verdict = 'right' | 'wrong';

/** `offset` and `length` are of the stored blob, inside what one read brought. */
export type VerdictListener = (offset: number, length: number, verdict: Verdict) => void;

export type BlobReadOptions = {
  readonly signal?: AbortSignal;
  /**
   * A function where it may rise while the read waits, because somebody in more of a hurry joins.
   * @default 'demand'
   */
  readonly priority?: Priority | (() => Priority);
  /** Told once for each range that really crossed a wire: which source, how many bytes. */
  readonly onFetched?: (sourceName: string, bytes: number) => void;
  /**
   * Told whenever something of the range has come, whatever it may turn out to be: whoever watches a
   * read hears that it goes on. Sources that read in one piece have nothing to tell.
   */
  readonly onProgress?: () => void;
  /**
   * Told how many bytes the whole blob has, as the place that it is from says: manifests and images may
   * say anything. Not where that place does not say it.
   */
  readonly onSize?: (sizeBytes: number) => void;
  /**
   * Of a reader that verifies. A source that keeps what it reads, or knows who sent it, leaves a
   * listener here before it answers; it hears later of each part that is verified, of no other.
   */
  readonly onVerdict?: (listener: VerdictListener) => void;
  /**
   * Told of bytes as they come, before all are there, with their offset in the stored blob: in any order, as
   * several bring them, and again from anywhere after another try. They are there during the call only. It
   * must not throw. A wish: a source that has all at once tells nothing.
   */
  readonly onBytes?: BytesListener;
  /**
   * So many bytes at the front are what the reader waits for, others come along: who asks in parts may ask
   * for the front apart, so that it comes first. @default all of them
   */
  readonly frontBytes?: number;
  /**
   * As long as what is read: the bytes may be put here, and then this is what is returned. A wish; whoever
   * gives it may use it again only after the read has succeeded. @default memory of the source's own
   */
  readonly memory?: Buffer;
};

/** Whether `onFetched` was told of other hosts, and not of the place that a blob is from. */
export function isPeerSource(sourceName: string): boolean {
  return sourceName.startsWith('peer-');
}

/** The priority of a read at this moment. */
export function priorityOf({ priority = 'demand' }: BlobReadOptions): Priority {
  return typeof priority === 'function' ? priority() : priority;
}

export interface BlobSource {
  /** For messages and counters; no secrets. */
  readonly name: string;
  /**
   * Exactly `length` bytes at `offset` of the stored blob, or an error. The buffer is the caller's
   * alone: he may change it, or move it to a thread.
   */
  read(blob: BlobKey, offset: number, length: number, options?: BlobReadOptions): Promise<Buffer>;
  close(): Promise<void>;
}
