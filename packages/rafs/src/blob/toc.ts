/**
 * Table of contents at the end of a blob (docs/format.md, "Table of contents"): 128 bytes a
 * section, followed by its own tar header.
 */
import { DIGEST_SIZE } from '../blob-table-entry.ts';
import { RafsCorruptError, RafsLimitError } from '../errors.ts';
import { readU64, sliceExactly, writeU64 } from '../integers.ts';
import { BLOB_COMPRESSED_BYTES_MAX, TOC_BYTES_MAX } from '../limits.ts';
import {
  decodeSectionHeader,
  encodeSectionHeader,
  SECTION_HEADER_SIZE,
  SectionName,
} from './section-header.ts';

export const TOC_ENTRY_SIZE = 128;
const NAME_SIZE = 16;

export const TOC_ENTRY_FIELD = {
  flags: 0,
  reserved: 4,
  name: 8,
  digest: 24,
  offset: 56,
  storedSize: 64,
  uncompressedSize: 72,
  reserved2: 80,
} as const;
const AT = TOC_ENTRY_FIELD;
const WHERE = 'table of contents';

const COMPRESSOR_FLAGS = { none: 1, zstd: 2, lz4_block: 4 } as const;
const COMPRESSOR_MASK = 0xf;

export type TocCompressor = keyof typeof COMPRESSOR_FLAGS;

export type TocEntry = {
  readonly name: string;
  readonly compressor: TocCompressor;
  /** SHA-256 of the uncompressed content; of `image.blob`, of its bytes and their tar header. */
  readonly digest: Buffer;
  /** Where the section starts. Nydus 2.2 wrote a wrong one for `image.blob`, which starts at 0. */
  readonly offset: number;
  readonly storedSize: number;
  readonly uncompressedSize: number;
};

/** The entries followed by their tar header. */
export function encodeToc(entries: readonly TocEntry[]): Buffer {
  const size = entries.length * TOC_ENTRY_SIZE;
  const table = Buffer.alloc(size);
  for (const [index, entry] of entries.entries()) {
    encodeTocEntry(entry, table, index * TOC_ENTRY_SIZE);
  }
  return Buffer.concat([table, encodeSectionHeader(SectionName.toc, size)]);
}

/**
 * Reads the table from the last bytes of a blob: undefined when there is none, because the blob is
 * older or ends with another section. Throws ERR_RAFS_CORRUPT when there is a damaged one, and
 * ERR_RAFS_TRUNCATED when more bytes are needed (`TOC_BYTES_MAX` are always enough).
 */
export function findToc(lastBytes: Buffer): readonly TocEntry[] | undefined {
  const start = lastBytes.length - SECTION_HEADER_SIZE;
  if (start < 0) return undefined;
  const header = tryDecodeSectionHeader(lastBytes.subarray(start));
  if (header?.name !== SectionName.toc) return undefined;
  if (header.size + SECTION_HEADER_SIZE > TOC_BYTES_MAX) {
    throw new RafsLimitError(`the table of contents has ${header.size} bytes`);
  }
  return decodeToc(sliceExactly(lastBytes, start - header.size, header.size, WHERE));
}

/** Reads the entries, without the tar header. */
export function decodeToc(table: Buffer): readonly TocEntry[] {
  if (table.length % TOC_ENTRY_SIZE !== 0 || table.length > TOC_BYTES_MAX) {
    throw new RafsCorruptError(WHERE, `${table.length} bytes are no whole entries`);
  }
  const entries: TocEntry[] = [];
  for (let at = 0; at < table.length; at += TOC_ENTRY_SIZE) entries.push(decodeTocEntry(table, at));
  const names = new Set(entries.map(({ name }) => name));
  if (names.size !== entries.length) throw new RafsCorruptError(WHERE, 'a section appears twice');
  return entries;
}

function encodeTocEntry(entry: TocEntry, bytes: Buffer, offset: number): void {
  bytes.writeUInt32LE(COMPRESSOR_FLAGS[entry.compressor], offset + AT.flags);
  bytes.write(entry.name, offset + AT.name, NAME_SIZE, 'latin1');
  entry.digest.copy(bytes, offset + AT.digest, 0, DIGEST_SIZE);
  writeU64(bytes, entry.offset, offset + AT.offset);
  writeU64(bytes, entry.storedSize, offset + AT.storedSize);
  writeU64(bytes, entry.uncompressedSize, offset + AT.uncompressedSize);
}

function decodeTocEntry(bytes: Buffer, offset: number): TocEntry {
  const [name] = bytes
    .toString('latin1', offset + AT.name, offset + AT.name + NAME_SIZE)
    .split('\0');
  if (name === undefined || !/^[a-z.]+$/.test(name)) {
    throw new RafsCorruptError(WHERE, 'a section has no proper name');
  }
  const entry = {
    name,
    compressor: decodeCompressor(bytes.readUInt32LE(offset + AT.flags), name),
    digest: bytes.subarray(offset + AT.digest, offset + AT.digest + DIGEST_SIZE),
    offset: readU64(bytes, offset + AT.offset, WHERE),
    storedSize: readU64(bytes, offset + AT.storedSize, WHERE),
    uncompressedSize: readU64(bytes, offset + AT.uncompressedSize, WHERE),
  };
  if (entry.offset + entry.storedSize <= BLOB_COMPRESSED_BYTES_MAX * 2) return entry;
  throw new RafsCorruptError(WHERE, `the section ${name} lies outside any blob`);
}

function decodeCompressor(flags: number, name: string): TocCompressor {
  const masked = flags & COMPRESSOR_MASK;
  if (masked === COMPRESSOR_FLAGS.none) return 'none';
  if (masked === COMPRESSOR_FLAGS.zstd) return 'zstd';
  if (masked === COMPRESSOR_FLAGS.lz4_block) return 'lz4_block';
  throw new RafsCorruptError(WHERE, `the section ${name} has an unknown compression`);
}

function tryDecodeSectionHeader(bytes: Buffer): ReturnType<typeof decodeSectionHeader> | undefined {
  try {
    return decodeSectionHeader(bytes);
  } catch (error) {
    if (error instanceof RafsCorruptError) return undefined;
    throw error;
  }
}
