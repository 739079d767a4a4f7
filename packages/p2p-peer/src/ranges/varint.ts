/**
 * Whole numbers of 0 to 2^53 - 1 in as few bytes as they need: seven bits in each, the lowest first,
 * the top bit set where more follow (LEB128). One form for each number: others do not decode.
 */
import { RangeSetFormatError } from '../errors.ts';

/** Of `Number.MAX_SAFE_INTEGER`. */
export const VARINT_BYTES_MAX = 8;

export type Cursor = { readonly bytes: Uint8Array; at: number };

/** Bytes that `value` takes. */
export function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes++;
  return bytes;
}

/** Returns where the next one goes. */
export function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  let to = at;
  let rest = value;
  while (rest >= 0x80) {
    bytes[to++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  bytes[to++] = rest;
  return to;
}

/** Throws `ERR_P2P_RANGE_SET_FORMAT` for what is cut short, too large or longer than needed. */
export function readVarint(cursor: Cursor): number {
  let value = 0;
  let scale = 1;
  for (let read = 1; ; read++) {
    const byte = cursor.bytes[cursor.at++];
    if (byte === undefined) throw new RangeSetFormatError('a number is cut short');
    value += (byte & 0x7f) * scale;
    scale *= 0x80;
    if (byte < 0x80) {
      if (byte === 0 && read > 1) throw new RangeSetFormatError('a number is longer than needed');
      if (!Number.isSafeInteger(value)) throw new RangeSetFormatError('a number is too large');
      return value;
    }
    if (read === VARINT_BYTES_MAX) throw new RangeSetFormatError('a number is too large');
  }
}
