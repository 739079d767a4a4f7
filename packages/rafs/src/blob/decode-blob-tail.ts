/**
 * What the last bytes of a blob say about it, without any bootstrap: a table of contents, or, in
 * older blobs, which section is last (docs/format.md, "Reading from the end").
 */
import { RafsCorruptError, RafsTruncatedError } from '../errors.ts';
import type { ChunkInfoHeader } from './chunk-info-header.ts';
import { CHUNK_INFO_HEADER_SIZE, decodeChunkInfoHeader } from './chunk-info-header.ts';
import { decodeSectionHeader, SECTION_HEADER_SIZE, SectionName } from './section-header.ts';
import { findToc, type TocEntry } from './toc.ts';

export type BlobTailInfo =
  /** Nydus 2.2 and later. The entry `image.blob` starts at 0, whatever it says. */
  | { readonly kind: 'toc'; readonly entries: readonly TocEntry[] }
  /** Tar headers without a table: the last section and where it starts. */
  | {
      readonly kind: 'section';
      readonly name: string;
      readonly offset: number;
      readonly size: number;
    }
  /** Neither: chunk data, chunk-info, header. */
  | { readonly kind: 'chunk-info'; readonly header: ChunkInfoHeader }
  | { readonly kind: 'unknown' };

/**
 * `lastBytes` are the last 4608 bytes of the blob, or all of them when it is shorter.
 * Throws ERR_RAFS_CORRUPT for a damaged table or one that points outside the blob.
 */
export function decodeBlobTail(lastBytes: Buffer, blobSize: number): BlobTailInfo {
  const entries = findToc(lastBytes);
  if (entries !== undefined) {
    for (const entry of entries) checkEntry(entry, blobSize);
    return { kind: 'toc', entries };
  }
  const section = lastSection(lastBytes, blobSize);
  if (section !== undefined) return section;
  const header = attempt(() => decodeChunkInfoHeader(lastBytes.subarray(-CHUNK_INFO_HEADER_SIZE)));
  return header === undefined ? { kind: 'unknown' } : { kind: 'chunk-info', header };
}

function checkEntry(entry: TocEntry, blobSize: number): void {
  const offset = entry.name === SectionName.data ? 0 : entry.offset;
  if (offset + entry.storedSize <= blobSize) return;
  throw new RafsTruncatedError(
    'table of contents',
    `the section ${entry.name} ends at byte ${offset + entry.storedSize}, the blob at ${blobSize}`,
  );
}

function lastSection(lastBytes: Buffer, blobSize: number): BlobTailInfo | undefined {
  if (lastBytes.length < SECTION_HEADER_SIZE) return undefined;
  const header = attempt(() => decodeSectionHeader(lastBytes.subarray(-SECTION_HEADER_SIZE)));
  if (header === undefined) return undefined;
  const offset = blobSize - SECTION_HEADER_SIZE - header.size;
  if (offset < 0)
    throw new RafsCorruptError('section header', 'its section is larger than the blob');
  return { kind: 'section', name: header.name, offset, size: header.size };
}

/** Undefined where the bytes are something else. */
function attempt<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch (error) {
    if (error instanceof RafsCorruptError || error instanceof RangeError) return undefined;
    throw error;
  }
}
