/**
 * The 512-byte tar header that follows each section of a blob (docs/format.md, "Sections"): GNU
 * format, only name, size, type and checksum. Headers come after what they describe, so a blob is
 * read from its end.
 */
import { RafsCorruptError } from '../errors.ts';

export const TAR_HEADER_SIZE = 512;
const NAME_SIZE = 100;
const AT = { name: 0, size: 124, modified: 136, checksum: 148, type: 156, magic: 257 } as const;
const SIZE_FIELD = 12;
const CHECKSUM_FIELD = 8;
const OCTAL_SIZE_MAX = 8 ** 11 - 1;
const GNU_MAGIC = 'ustar  \0';
const BASE_256 = 0x80;

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
  const header = Buffer.alloc(TAR_HEADER_SIZE);
  header.write(name, AT.name, 'latin1');
  encodeSize(size, header);
  header.write('00000000000', AT.modified, 'latin1');
  header.write('0', AT.type, 'latin1');
  header.write(GNU_MAGIC, AT.magic, 'latin1');
  header.write(`${checksumOf(header).toString(8).padStart(6, '0')}\0 `, AT.checksum, 'latin1');
  return header;
}

export type SectionHeader = { readonly name: string; readonly size: number };

/** Reads 512 bytes; throws ERR_RAFS_CORRUPT when they are no tar header. */
export function decodeSectionHeader(header: Buffer): SectionHeader {
  const stated = parseOctal(header, AT.checksum, CHECKSUM_FIELD);
  if (stated === undefined || stated !== checksumOf(header)) {
    throw new RafsCorruptError('section header', 'its checksum is wrong');
  }
  const nul = header.indexOf(0);
  const name = header.toString('latin1', 0, nul === -1 ? NAME_SIZE : Math.min(nul, NAME_SIZE));
  return { name, size: decodeSize(header) };
}

function encodeSize(size: number, header: Buffer): void {
  if (size <= OCTAL_SIZE_MAX) {
    header.write(size.toString(8).padStart(SIZE_FIELD - 1, '0'), AT.size, 'latin1');
    return;
  }
  header.writeUInt8(BASE_256, AT.size);
  header.writeBigUInt64BE(BigInt(size), AT.size + SIZE_FIELD - 8);
}

function decodeSize(header: Buffer): number {
  if ((header.readUInt8(AT.size) & BASE_256) === 0) {
    const size = parseOctal(header, AT.size, SIZE_FIELD);
    if (size !== undefined) return size;
    throw new RafsCorruptError('section header', 'its size is no number');
  }
  const size = Number(header.readBigUInt64BE(AT.size + SIZE_FIELD - 8));
  const isSmall = header.readUIntBE(AT.size, 4) === BASE_256 * 2 ** 24;
  if (isSmall && Number.isSafeInteger(size)) return size;
  throw new RafsCorruptError('section header', 'its size is impossibly large');
}

function parseOctal(header: Buffer, offset: number, size: number): number | undefined {
  const text = header.toString('latin1', offset, offset + size);
  const match = /^ *([0-7]+)[ \0]*$/.exec(text);
  return match?.[1] === undefined ? undefined : Number.parseInt(match[1], 8);
}

/** Sum of all bytes, those of the checksum field counted as spaces. */
function checksumOf(header: Buffer): number {
  let sum = CHECKSUM_FIELD * 0x20;
  for (const [index, byte] of header.subarray(0, TAR_HEADER_SIZE).entries()) {
    if (index < AT.checksum || index >= AT.checksum + CHECKSUM_FIELD) sum += byte;
  }
  return sum;
}
