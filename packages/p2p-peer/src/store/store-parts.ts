/** What the blobs of a store share. */
import type { SizedBlob } from '@shoal/blob-store';
import type { BlobId } from '@shoal/oci';
import type { ByteRange } from '../ranges/byte-range.ts';
import type { BlobFiles, StoreIo } from './blob-files.ts';
import type { BlobState } from './blob-state.ts';
import type { HoleMaker } from './hole-maker.ts';
import type { Lender } from './lender.ts';
import type { OpenFile, OpenFiles } from './open-files.ts';
import type { PieceHashes } from './piece-hashes.ts';

/** Which file it is. */
export type Generation = { readonly inode: bigint; readonly generation: bigint };

/** A blob as its records see it. */
export interface RecordedBlob extends SizedBlob {
  readonly state: BlobState;
  readonly hashes: PieceHashes;
  readonly isComplete: boolean;
  /** The file that records tell of; undefined when there is none. */
  readonly file: Generation | undefined;
  /** The file's name is not on the disk yet. */
  readonly isNew: boolean;
  markNamed(): void;
  /** What was written since the last time; the caller syncs and releases it. */
  takeDirty(): OpenFile | undefined;
  /** No record tells any more of what became spare. */
  makeHoles(): void;
}

/** Since the store was opened. */
export type StoreCounters = {
  bytesWritten: number;
  /** The disk was full, there was no room, or somebody else's bytes lay there. */
  bytesNotKept: number;
  bytesSettled: number;
  /** Judged to be wrong, or found so later. */
  bytesWrong: number;
  bytesRead: number;
  bytesEvicted: number;
  /** Were held or written when their sync failed. */
  bytesLost: number;
  recordsDamaged: number;
  filesDamaged: number;
  /** Were not there when the store was opened, as a crash during an eviction leaves it. */
  filesMissing: number;
  /** Files that no record told of, as a crash leaves them; they were removed. */
  filesRemoved: number;
};

export type StoreParts = {
  readonly files: BlobFiles;
  readonly openFiles: OpenFiles;
  readonly io: StoreIo;
  readonly counters: StoreCounters;
  readonly lender: Lender;
  readonly holes: HoleMaker;
  /** What the file of a blob takes on the disk. */
  readonly onDiskBytes: (blobId: BlobId, bytes: number) => void;
  /** False while records tell of an older file of the blob, or the store is closed. */
  readonly canWrite: (blobId: BlobId) => boolean;
  readonly onWritten: (blobId: BlobId, bytes: number) => void;
  readonly onWriteFailed: (error: unknown, bytes: number) => void;
  readonly onRead: (blobId: BlobId, bytes: number) => void;
  /** There is something to record. */
  readonly onChanged: (blob: RecordedBlob, bytes: number) => void;
  readonly onHeld: (blobId: BlobId, ranges: readonly ByteRange[]) => void;
  readonly onRefuted: (blob: RecordedBlob, ranges: readonly ByteRange[]) => void;
  /** Whoever lent them has them no more. */
  readonly onLentNoMore: (blob: RecordedBlob, ranges: readonly ByteRange[]) => void;
  readonly onDamaged: (blobId: BlobId, error: unknown) => void;
};

export function noCounts(): StoreCounters {
  return {
    bytesWritten: 0,
    bytesNotKept: 0,
    bytesSettled: 0,
    bytesWrong: 0,
    bytesRead: 0,
    bytesEvicted: 0,
    bytesLost: 0,
    recordsDamaged: 0,
    filesDamaged: 0,
    filesMissing: 0,
    filesRemoved: 0,
  };
}
