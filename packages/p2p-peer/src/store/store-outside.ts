/** What a store is given of the world: the disk, the clock, the rest of the host, and who is told what. */
import type { CodecPool } from '@shoal/blob-store';
import type { BlobId } from '@shoal/oci';
import type { ByteRange } from '../ranges/byte-range.ts';
import { REAL_STORE_IO, type StoreIo } from './blob-files.ts';
import { type Lender, NO_LENDER } from './lender.ts';
import type { StoreEvent } from './store-event.ts';

export type CompressedStoreParts = {
  /** Hashes pieces and whole blobs: one of its own, or a large blob keeps a thread from others. */
  readonly pool: CodecPool;
  /** What the mount cache takes of the same budget, in bytes. @default none */
  readonly otherBytes?: () => number;
  /** The mount cache has every chunk of it: its stored bytes go first. @default of none */
  readonly isCompleteElsewhere?: (blobId: BlobId) => boolean;
  /** Has stored bytes of blobs in other files. @default nobody */
  readonly lender?: Lender | undefined;
  readonly onEvent?: (event: StoreEvent) => void;
  /** Ranges that can be served from now on. */
  readonly onHeld?: (blobId: BlobId, ranges: readonly ByteRange[]) => void;
  /** Ranges that cannot any more: evicted, wrong, or never on the disk. */
  readonly onLost?: (blobId: BlobId, ranges: readonly ByteRange[]) => void;
  /** @default the real disk */
  readonly io?: StoreIo;
  /** In ms. @default Date.now */
  readonly now?: () => number;
};

/** The same, with what was left out. */
export type StoreOutside = Required<Omit<CompressedStoreParts, 'pool' | 'lender'>> & {
  readonly lender: Lender;
};

export function storeOutside(parts: CompressedStoreParts): StoreOutside {
  return {
    io: parts.io ?? REAL_STORE_IO,
    now: parts.now ?? Date.now,
    otherBytes: parts.otherBytes ?? (() => 0),
    isCompleteElsewhere: parts.isCompleteElsewhere ?? (() => false),
    lender: parts.lender ?? NO_LENDER,
    onEvent: (event) => parts.onEvent?.(event),
    onHeld: (blobId, ranges) => parts.onHeld?.(blobId, ranges),
    onLost: (blobId, ranges) => parts.onLost?.(blobId, ranges),
  };
}
