/**
 * Snappy without frames, as LevelDB compresses blocks: the size as a varint, then bytes as they are
 * (literals) and repetitions of what came before (copies), each after a tag:
 *
 *   bits 0-1 of the tag   0: literal, of (bits 2-7) + 1 bytes; 60 to 63: 1 to 4 bytes with the size less 1
 *                         1: copy, of (bits 2-4) + 4 bytes, bits 5-7 and one byte are how far back
 *                         2, 3: copy, of (bits 2-7) + 1 bytes, 2 or 4 bytes are how far back
 */
import { type Cursor, readVarint } from './level-varint.ts';
import { BLOCK_BYTES_MAX } from './limits.ts';

const SIZE_IN_TAG_MAX = 60;

type Output = { readonly bytes: Buffer; length: number };

/** Undefined when it is cut short, longer than it says, or larger than a block is. */
export function decodeSnappy(stored: Uint8Array): Buffer | undefined {
  const input: Cursor = { bytes: stored, at: 0 };
  const size = readVarint(input);
  if (size === undefined || size > BLOCK_BYTES_MAX) return undefined;
  const output: Output = { bytes: Buffer.alloc(size), length: 0 };
  while (input.at < stored.length) {
    const tag = readUint(input, 1) ?? 0;
    const isDone = (tag & 3) === 0 ? addLiteral(input, output, tag) : addCopy(input, output, tag);
    if (!isDone) return undefined;
  }
  return output.length === size ? output.bytes : undefined;
}

function addLiteral(input: Cursor, output: Output, tag: number): boolean {
  const inTag = tag >> 2;
  const less1 = inTag < SIZE_IN_TAG_MAX ? inTag : readUint(input, inTag - SIZE_IN_TAG_MAX + 1);
  if (less1 === undefined) return false;
  const end = input.at + less1 + 1;
  if (end > input.bytes.length || output.length + less1 + 1 > output.bytes.length) return false;
  output.bytes.set(input.bytes.subarray(input.at, end), output.length);
  output.length += less1 + 1;
  input.at = end;
  return true;
}

function addCopy(input: Cursor, output: Output, tag: number): boolean {
  const isShort = (tag & 3) === 1;
  const size = isShort ? ((tag >> 2) & 7) + 4 : (tag >> 2) + 1;
  const stored = readUint(input, isShort ? 1 : (tag & 3) === 2 ? 2 : 4);
  if (stored === undefined) return false;
  const back = isShort ? ((tag >> 5) << 8) | stored : stored;
  const from = output.length - back;
  if (back === 0 || from < 0 || output.length + size > output.bytes.length) return false;
  // One by one: a copy may repeat what it has just written.
  for (let at = from; at < from + size; at++) {
    output.bytes[output.length++] = output.bytes[at] ?? 0;
  }
  return true;
}

function readUint(input: Cursor, size: number): number | undefined {
  if (input.at + size > input.bytes.length) return undefined;
  let value = 0;
  for (let byte = size - 1; byte >= 0; byte--) {
    value = value * 0x100 + (input.bytes[input.at + byte] ?? 0);
  }
  input.at += size;
  return value;
}
