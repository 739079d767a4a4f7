/**
 * Sparse maps of tar: old GNU blocks (typeflag `S`) and the text map of PAX 1.0. A valid map is
 * ascending, does not overlap, stays inside the file, and its lengths add up to the stored bytes.
 */
import { readTarNumber } from '@shoal/oci';
import { TAR_SPARSE_EXTENTS_MAX } from '../limits.ts';
import { DraftProblem, extentsOfNumbers } from './tar-draft.ts';
import type { SparseExtent } from './tar-entry.ts';

/** Fields GNU tar puts where ustar has the prefix. */
const GNU_HEADER = {
  sparse: { offset: 386, size: 96 },
  isExtended: { offset: 482, size: 1 },
  realSize: { offset: 483, size: 12 },
} as const;

/** Continuation block of an old GNU sparse map. */
const GNU_SPARSE_BLOCK = {
  sparse: { offset: 0, size: 504 },
  isExtended: { offset: 504, size: 1 },
} as const;
const GNU_SPARSE_ENTRY_SIZE = 24;

/** Appends the extents in an entry's own header; unless `isWhole`, continuation blocks follow. */
export function readGnuSparseHeader(
  block: Buffer,
  extents: SparseExtent[],
): { readonly realSize: number; readonly isWhole: boolean } {
  const realSize = readTarNumber(block, GNU_HEADER.realSize);
  if (realSize === undefined) throw new DraftProblem('header', 'sparse size is not a number');
  readGnuSparse(block, GNU_HEADER.sparse, extents);
  return { realSize, isWhole: block[GNU_HEADER.isExtended.offset] === 0 };
}

/** Appends the extents of a continuation block. */
export function readGnuSparseBlock(
  block: Buffer,
  extents: SparseExtent[],
): { readonly isWhole: boolean } {
  readGnuSparse(block, GNU_SPARSE_BLOCK.sparse, extents);
  return { isWhole: block[GNU_SPARSE_BLOCK.isExtended.offset] === 0 };
}

/** Appends the extents of one map area; an entry of two empty fields ends it. */
function readGnuSparse(
  block: Buffer,
  area: { readonly offset: number; readonly size: number },
  extents: SparseExtent[],
): void {
  for (let at = area.offset; at < area.offset + area.size; at += GNU_SPARSE_ENTRY_SIZE) {
    if (block[at] === 0 && block[at + 12] === 0) return;
    const offset = readTarNumber(block, { offset: at, size: 12 });
    const length = readTarNumber(block, { offset: at + 12, size: 12 });
    if (offset === undefined || length === undefined || offset < 0 || length < 0) {
      throw new DraftProblem('header', 'GNU sparse map is not numeric');
    }
    extents.push({ offset, length });
    if (extents.length > TAR_SPARSE_EXTENTS_MAX) throw tooManyExtents();
  }
}

/**
 * Collects a PAX 1.0 map from the start of the data block by block: a count, then offset and
 * length of each extent, one decimal number per line, padded to a block. Linear in its size.
 */
export class SparseMapReader {
  readonly #blocks: Buffer[] = [];
  #newlines = 0;
  /** Lines the map must have, known after the first one. */
  #wanted: number | undefined;
  #length = 0;

  /** Bytes of map taken so far, whole blocks. */
  get length(): number {
    return this.#length;
  }

  /** Takes one block; the extents once the map is complete. */
  push(block: Buffer): SparseExtent[] | undefined {
    this.#blocks.push(block);
    this.#length += block.length;
    for (const byte of block) if (byte === 0x0a) this.#newlines += 1;
    if (this.#newlines === 0) {
      throw new DraftProblem('header', 'sparse map has no count');
    }
    this.#wanted ??= 1 + 2 * countOf(block);
    if (this.#newlines < this.#wanted) return undefined;
    const text = Buffer.concat(this.#blocks).toString('latin1');
    return extentsOfNumbers(text.split('\n', this.#wanted).slice(1));
  }
}

function countOf(block: Buffer): number {
  const text = block.toString('latin1', 0, block.indexOf(0x0a));
  if (!/^\d{1,9}$/.test(text)) throw new DraftProblem('header', 'sparse map has no count');
  const count = Number(text);
  if (count > TAR_SPARSE_EXTENTS_MAX) throw tooManyExtents();
  return count;
}

/** Throws unless the map is valid for a file of `size` bytes with `storedSize` bytes in the archive. */
export function checkSparseMap(
  extents: readonly SparseExtent[],
  size: number,
  storedSize: number,
): void {
  if (extents.length > TAR_SPARSE_EXTENTS_MAX) throw tooManyExtents();
  let end = 0;
  let stored = 0;
  for (const { offset, length } of extents) {
    if (offset < end || offset + length > size) {
      throw new DraftProblem('header', 'sparse map overlaps itself or leaves the file');
    }
    end = offset + length;
    stored += length;
  }
  if (stored !== storedSize) {
    throw new DraftProblem('header', `sparse map covers ${stored} bytes of ${storedSize}`);
  }
}

function tooManyExtents(): DraftProblem {
  return new DraftProblem('limit', `more than ${TAR_SPARSE_EXTENTS_MAX} sparse extents`);
}
