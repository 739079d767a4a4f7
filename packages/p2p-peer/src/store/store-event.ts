/** What a store tells besides its answers; each event has a sentence for the log. */
export type StoreEventKind =
  /** Nothing can be written; reads go on without the store. Told once until a write succeeds. */
  | 'disk-full'
  /** The disk refuses writes for another reason. Told once until a write succeeds. */
  | 'write-failed'
  /** The first write that succeeded after one of these. */
  | 'disk-writable'
  /** What was written did not reach the disk: it is fetched again. */
  | 'sync-failed'
  /** What is held could not be recorded yet: a restart now would fetch it again. */
  | 'record-failed'
  /** The index did not open or decode, in whole or in part. */
  | 'damaged-record'
  /** A file is not what was written, or cannot be read: its blob is fetched again. */
  | 'damaged-file'
  /** Bytes that were believed to be right are not. */
  | 'wrong-bytes'
  | 'evicted'
  | 'evict-failed'
  /** The file system makes no holes: bytes that the mount cache has as well stay in the store. Told once. */
  | 'no-holes'
  /** More bytes than allowed, and nothing can be evicted. */
  | 'over-limit';

export type StoreEvent = {
  readonly kind: StoreEventKind;
  readonly message: string;
  /** Of `evicted`: what was freed on the disk. */
  readonly bytes?: number;
  readonly error?: unknown;
};

export type StoreEventSink = (event: StoreEvent) => void;
