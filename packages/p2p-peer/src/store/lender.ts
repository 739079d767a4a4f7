/**
 * Somebody on this host who keeps bytes of blobs just as they are stored, in files of his own: what he
 * has, verified and on the disk, is held here without a second copy. What he does not have any more is
 * not held any more.
 */
import type { SizedBlob } from '@shoal/blob-store';
import type { ByteRange } from '../ranges/byte-range.ts';

/** `more`: these, too, from now on; undefined: some are not there any more. */
export type LentListener = (blob: SizedBlob, more: readonly ByteRange[] | undefined) => void;

export interface Lender {
  /** What he has of the blob at this moment; nothing of one that he knows with another size. */
  rangesOf(blob: SizedBlob): readonly ByteRange[];
  /** Undefined when he has not all of it any more. Never rejects. */
  read(blob: SizedBlob, range: ByteRange): Promise<Buffer | undefined>;
  /** Returns what ends it. */
  watch(listener: LentListener): () => void;
}

export const NO_LENDER: Lender = {
  rangesOf: () => [],
  read: async () => undefined,
  watch: () => () => undefined,
};
