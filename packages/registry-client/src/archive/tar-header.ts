/**
 * The few fields of a tar header that finding files in an image archive needs, and the writing of
 * one. Spec: POSIX ustar, pax; GNU long names and base-256 numbers.
 */
import { ArchiveError } from '../errors.ts';

export const TAR_BLOCK_BYTES = 512;

export type TarHeader = {
  readonly name: string;
  readonly linkName: string;
  /** Type flag: `0` file, `1` hard link, `2` symbolic link, `x`/`g` pax, `L`/`K` GNU long name. */
  readonly type: string;
  /** Bytes of the content that follows. */
  readonly sizeBytes: number;
};

const REMEDY = 'the archive is damaged: write it again';

/** Undefined for a block of zeros. Throws `ERR_REGISTRY_CLIENT_ARCHIVE`. */
export function decodeTarHeader(block: Buffer, where: string): TarHeader | undefined {
  if (block.every((byte) => byte === 0)) return undefined;
  checkSum(block, where);
  const prefix = isUstar(block) ? textAt(block, 345, 155) : '';
  const name = textAt(block, 0, 100);
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    linkName: textAt(block, 157, 100),
    type: String.fromCharCode(block.readUInt8(156) || 0x30),
    sizeBytes: numberAt(block, 124, 12, where),
  };
}

function isUstar(block: Buffer): boolean {
  return block.toString('latin1', 257, 263) === 'ustar\0';
}

function checkSum(block: Buffer, where: string): void {
  let sum = 8 * 0x20;
  for (const [index, byte] of block.entries()) if (index < 148 || index >= 156) sum += byte;
  if (numberAt(block, 148, 8, where) !== sum) {
    throw new ArchiveError(`${where}: a header's checksum is wrong`, { remedy: REMEDY });
  }
}

function textAt(block: Buffer, offset: number, length: number): string {
  const field = block.subarray(offset, offset + length);
  const end = field.indexOf(0);
  return field.toString('utf8', 0, end === -1 ? length : end);
}

function numberAt(block: Buffer, offset: number, length: number, where: string): number {
  if (block.readUInt8(offset) === 0x80) {
    const value = block.readBigUInt64BE(offset + length - 8);
    if (value <= Number.MAX_SAFE_INTEGER) return Number(value);
  }
  const text = textAt(block, offset, length).trim();
  if (!/^[0-7]{0,12}$/.test(text)) {
    throw new ArchiveError(`${where}: a header holds a bad number`, { remedy: REMEDY });
  }
  return text === '' ? 0 : Number.parseInt(text, 8);
}

/** Records of a pax header: `LENGTH KEY=VALUE\n`. What cannot be read ends the list. */
export function decodePaxRecords(bytes: Buffer): ReadonlyMap<string, string> {
  const records = new Map<string, string>();
  for (let start = 0; start < bytes.byteLength; ) {
    const space = bytes.indexOf(0x20, start);
    const length = space === -1 ? Number.NaN : Number(bytes.toString('latin1', start, space));
    const end = start + length;
    if (!Number.isSafeInteger(end) || end > bytes.byteLength || end <= space) break;
    const record = bytes.toString('utf8', space + 1, end - 1);
    const equals = record.indexOf('=');
    records.set(record.slice(0, equals), record.slice(equals + 1));
    start = end;
  }
  return records;
}

/** A header of a file or directory, owned by root, dated 1970: archives are deterministic. */
export function encodeTarHeader(name: string, sizeBytes: number, isDirectory: boolean): Buffer {
  const block = Buffer.alloc(TAR_BLOCK_BYTES);
  block.write(name, 0, 100, 'utf8');
  block.write(isDirectory ? '0000755\0' : '0000644\0', 100, 'latin1');
  block.write('0000000\0', 108, 'latin1');
  block.write('0000000\0', 116, 'latin1');
  writeSize(block, sizeBytes);
  block.write('00000000000\0', 136, 'latin1');
  block.write('        ', 148, 'latin1');
  block.write(isDirectory ? '5' : '0', 156, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

/** Eleven octal digits hold 8 GiB; more is written as GNU's base-256 number. */
function writeSize(block: Buffer, sizeBytes: number): void {
  if (sizeBytes < 8 ** 11) {
    block.write(`${sizeBytes.toString(8).padStart(11, '0')}\0`, 124, 'latin1');
    return;
  }
  block.writeUInt8(0x80, 124);
  block.writeBigUInt64BE(BigInt(sizeBytes), 128);
}

/** Zeros that fill the last block of a content. */
export function tarPadding(sizeBytes: number): number {
  return (TAR_BLOCK_BYTES - (sizeBytes % TAR_BLOCK_BYTES)) % TAR_BLOCK_BYTES;
}
