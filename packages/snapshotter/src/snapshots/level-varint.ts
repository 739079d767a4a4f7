/**
 * Numbers as LevelDB and snappy write them: seven bits a byte, the lowest first, the top bit set
 * where more follow.
 */
export type Cursor = { readonly bytes: Uint8Array; at: number };

/** Of 64 bits. */
const VARINT_BYTES_MAX = 10;

/** Undefined when it is cut short, or no number of JavaScript is exactly that. */
export function readVarint(cursor: Cursor): number | undefined {
  let value = 0;
  let scale = 1;
  for (let read = 0; read < VARINT_BYTES_MAX; read++) {
    const byte = cursor.bytes[cursor.at++];
    if (byte === undefined) return undefined;
    value += (byte & 0x7f) * scale;
    scale *= 0x80;
    if (byte < 0x80) return Number.isSafeInteger(value) ? value : undefined;
  }
  return undefined;
}

export function encodeVarint(value: number): number[] {
  return value < 0x80
    ? [value]
    : [(value & 0x7f) | 0x80, ...encodeVarint(Math.floor(value / 0x80))];
}
