/**
 * What a cache tells besides its answers. Each event has a sentence for the log.
 */
export type CacheEventKind =
  /** Nothing can be written; reads go on from memory. Told once until a write succeeds. */
  | 'disk-full'
  /** The first write that succeeded after `disk-full`. */
  | 'disk-writable'
  /** A device file cannot be written for another reason. */
  | 'write-failed'
  /** What was written did not reach the disk: those chunks count as absent again. */
  | 'sync-failed'
  /** Chunks are present and their record could not be written: a restart fetches them again. */
  | 'record-failed'
  /** A chunk map or digest record did not decode; its blob is verified or fetched again. */
  | 'damaged-record'
  /** Chunks left by nydusd are verified when they are wanted. */
  | 'adopted'
  | 'evicted'
  | 'evict-failed'
  /** More bytes than allowed are in use by mounts, so nothing can be evicted. */
  | 'over-limit';

export type CacheEvent = {
  readonly kind: CacheEventKind;
  readonly message: string;
  /** Of `evicted`: what was freed on the disk. */
  readonly bytes?: number;
  readonly error?: unknown;
};

export type CacheEventSink = (event: CacheEvent) => void;

export function adoptedEvent(directory: string, key: string, count: number): CacheEvent {
  const message = `cache ${directory}: ${count} chunks of blob ${key} were left by nydusd or another image; each is verified when it is wanted`;
  return { kind: 'adopted', message };
}
