/**
 * The 512-byte tar header that follows each section of a blob (docs/format.md, "Sections"): GNU
 * format, only name, size, type and checksum. Headers come after what they describe, so a blob is
 * read from its end.
 */
import {
  GNU_MAGIC,
  isTarChecksumRight,
  readTarNumber,
  readTarText,
  TAR_BLOCK_SIZE,
  TAR_FIELD,
  writeTarChecksum,
  writeTarNumber,
} from '@shoal/oci';
import { RafsCorruptError } from '../errors.ts';

export const SECTION_HEADER_SIZE = TAR_BLOCK_SIZE;

/** The sections of a blob by name; at most 16 bytes, as the table of contents stores them. */
export const SectionName = {
  data: 'image.blob',
  chunkInfo: 'blob.meta',
  chunkInfoHeader: 'blob.meta.header',
  digests: 'blob.digest',
  bootstrap: 'image.boot',
  toc: 'rafs.blob.toc',
} as const;
export type SectionName = (typeof SectionName)[keyof typeof SectionName];

export function encodeSectionHeader(name: SectionName, size: number): Buffer {
  const header = Buffer.alloc(SECTION_HEADER_SIZE);
  header.write(name, TAR_FIELD.name.offset, 'latin1');
  writeTarNumber(header, TAR_FIELD.size, size);
  writeTarNumber(header, TAR_FIELD.mtime, 0);
  header.write('0', TAR_FIELD.typeflag.offset, 'latin1');
  header.write(GNU_MAGIC, TAR_FIELD.magic.offset, 'latin1');
  writeTarChecksum(header);
  return header;
}

export type SectionHeader = { readonly name: string; readonly size: number };

/** Reads 512 bytes; throws ERR_RAFS_CORRUPT when they are no tar header. */
export function decodeSectionHeader(header: Buffer): SectionHeader {
  if (!isTarChecksumRight(header)) {
    throw new RafsCorruptError('section header', 'its checksum is wrong');
  }
  const size = readTarNumber(header, TAR_FIELD.size);
  if (size === undefined || size < 0) {
    throw new RafsCorruptError('section header', 'its size is no possible number');
  }
  return { name: readTarText(header, TAR_FIELD.name).toString('latin1'), size };
}
