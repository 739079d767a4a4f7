/**
 * The 512-byte tar header block, which layers, image archives and the sections of a blob share:
 * fields, numbers and checksum of V7, ustar (POSIX.1-1988) and GNU tar. Offsets live in `TAR_FIELD`
 * only; both directions use the table.
 */
export const TAR_BLOCK_SIZE = 512;

export const TAR_FIELD = {
  name: { offset: 0, size: 100 },
  mode: { offset: 100, size: 8 },
  uid: { offset: 108, size: 8 },
  gid: { offset: 116, size: 8 },
  size: { offset: 124, size: 12 },
  mtime: { offset: 136, size: 12 },
  checksum: { offset: 148, size: 8 },
  typeflag: { offset: 156, size: 1 },
  linkName: { offset: 157, size: 100 },
  magic: { offset: 257, size: 8 },
  userName: { offset: 265, size: 32 },
  groupName: { offset: 297, size: 32 },
  deviceMajor: { offset: 329, size: 8 },
  deviceMinor: { offset: 337, size: 8 },
  prefix: { offset: 345, size: 155 },
  padding: { offset: 500, size: 12 },
} as const;

/** Magic and version of POSIX; GNU tar has blanks instead. */
export const USTAR_MAGIC = 'ustar\x0000';
export const GNU_MAGIC = 'ustar  \0';

type Field = { readonly offset: number; readonly size: number };

export type TarFormat = 'v7' | 'ustar' | 'gnu';

/** The format the magic field claims; V7 archives have none. */
export function tarFormat(block: Buffer): TarFormat {
  const at = TAR_FIELD.magic.offset;
  if (block.toString('latin1', at, at + 5) !== 'ustar') return 'v7';
  return block[at + 5] === 0x20 ? 'gnu' : 'ustar';
}

/** Bytes of a text field up to its NUL, copied, since blocks are reused. */
export function readTarText(block: Buffer, field: Field): Buffer {
  const end = field.offset + field.size;
  const nul = block.indexOf(0, field.offset);
  return Buffer.from(block.subarray(field.offset, nul === -1 || nul > end ? end : nul));
}

/** The name of a member, with ustar's prefix in front. */
export function readTarName(block: Buffer): Buffer {
  const name = readTarText(block, TAR_FIELD.name);
  if (tarFormat(block) !== 'ustar') return name;
  const prefix = readTarText(block, TAR_FIELD.prefix);
  return prefix.length === 0 ? name : Buffer.concat([prefix, Buffer.from('/'), name]);
}

/**
 * A number field: octal digits padded with blanks or NULs, or base-256 (GNU) when the first bit is
 * set, two's complement. Undefined when it is neither or exceeds 2^53.
 */
export function readTarNumber(block: Buffer, field: Field): number | undefined {
  const first = block[field.offset] ?? 0;
  if ((first & 0x80) !== 0) return readBase256(block, field);
  let at = field.offset;
  let end = field.offset + field.size;
  while (at < end && isBlank(block[at])) at++;
  while (end > at && isBlank(block[end - 1])) end--;
  let value = 0;
  for (; at < end; at++) {
    const digit = (block[at] ?? 0) - 0x30;
    // A NUL or blank ends the number even when rubbish follows it, as every tar reads it.
    if (digit < 0 || digit > 7) return isBlank(block[at]) ? value : undefined;
    value = value * 8 + digit;
  }
  return value;
}

function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0;
}

function readBase256(block: Buffer, field: Field): number | undefined {
  const negative = ((block[field.offset] ?? 0) & 0x40) !== 0;
  let value = 0;
  for (let index = 0; index < field.size; index++) {
    let byte = block[field.offset + index] ?? 0;
    if (index === 0) byte = negative ? byte | 0x80 : byte & 0x7f;
    value = value * 256 + (negative ? 255 - byte : byte);
    if (value > Number.MAX_SAFE_INTEGER) return undefined;
  }
  return negative ? -value - 1 : value;
}

/** Writes octal where it fits and base-256 otherwise (negative or large numbers). */
export function writeTarNumber(block: Buffer, field: Field, value: number): void {
  const digits = field.size - 1;
  if (value >= 0 && value < 8 ** digits) {
    block.write(value.toString(8).padStart(digits, '0'), field.offset, 'latin1');
    block[field.offset + digits] = 0;
    return;
  }
  let rest = value < 0 ? BigInt.asUintN(8 * field.size, BigInt(value)) : BigInt(value);
  for (let index = field.size - 1; index >= 0; index--) {
    block[field.offset + index] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  block[field.offset] = (block[field.offset] ?? 0) | 0x80;
}

/** Sum of all bytes with the checksum field read as blanks. */
function tarChecksum(block: Buffer): number {
  const { offset, size } = TAR_FIELD.checksum;
  let sum = size * 0x20;
  for (let at = 0; at < offset; at++) sum += block[at] ?? 0;
  for (let at = offset + size; at < TAR_BLOCK_SIZE; at++) sum += block[at] ?? 0;
  return sum;
}

/** True when the stored checksum is the unsigned sum or the signed one of historic writers. */
export function isTarChecksumRight(block: Buffer): boolean {
  const stored = readTarNumber(block, TAR_FIELD.checksum);
  return stored === tarChecksum(block) || stored === signedChecksum(block);
}

function signedChecksum(block: Buffer): number {
  let sum = tarChecksum(block);
  const { offset, size } = TAR_FIELD.checksum;
  for (let at = 0; at < TAR_BLOCK_SIZE; at++) {
    if ((block[at] ?? 0) >= 0x80 && (at < offset || at >= offset + size)) sum -= 256;
  }
  return sum;
}

/** Writes the checksum as historic tar does: six digits, NUL, blank. */
export function writeTarChecksum(block: Buffer): void {
  const text = tarChecksum(block).toString(8).padStart(6, '0');
  block.write(`${text}\0 `, TAR_FIELD.checksum.offset, 'latin1');
}

export type PackedMember = {
  /** File, directory, or pax records of the next member. */
  readonly type: '0' | '5' | 'x';
  readonly mode: number;
  readonly size: number;
};

/**
 * A header owned by root and dated 1970: what we pack is deterministic. A name of more than 100
 * bytes is a RangeError.
 */
export function encodeTarHeader(name: string, { type, mode, size }: PackedMember): Buffer {
  const nameSize = Buffer.byteLength(name);
  if (nameSize > TAR_FIELD.name.size) throw new RangeError(`a member name of ${nameSize} bytes`);
  const block = Buffer.alloc(TAR_BLOCK_SIZE);
  block.write(name, TAR_FIELD.name.offset);
  writeTarNumber(block, TAR_FIELD.mode, mode);
  writeTarNumber(block, TAR_FIELD.uid, 0);
  writeTarNumber(block, TAR_FIELD.gid, 0);
  writeTarNumber(block, TAR_FIELD.size, size);
  writeTarNumber(block, TAR_FIELD.mtime, 0);
  block.write(type, TAR_FIELD.typeflag.offset, 'latin1');
  block.write(USTAR_MAGIC, TAR_FIELD.magic.offset, 'latin1');
  writeTarChecksum(block);
  return block;
}

const ZERO_BLOCK = Buffer.alloc(TAR_BLOCK_SIZE);

/** Two such blocks end an archive. */
export function isZeroBlock(block: Buffer): boolean {
  return block.equals(ZERO_BLOCK);
}

/** Bytes that pad `size` to whole blocks. */
export function tarPadding(size: number): number {
  const rest = size % TAR_BLOCK_SIZE;
  return rest === 0 ? 0 : TAR_BLOCK_SIZE - rest;
}
