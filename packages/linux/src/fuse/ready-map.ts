/** The map of blocks that may be read: one bit per 4 KiB block, least significant bit first. */

export const READY_BLOCK_BYTES = 4096;

/** Bytes a map needs for a file. */
export function readyMapBytes(sizeBytes: number): number {
  return Math.ceil(Math.ceil(sizeBytes / READY_BLOCK_BYTES) / 8);
}

/** True when every block that the range touches is present. Another thread may set bits meanwhile. */
export function isRangeReady(map: Uint8Array, offset: number, length: number): boolean {
  if (length <= 0) return true;
  const first = Math.floor(offset / READY_BLOCK_BYTES);
  const last = Math.floor((offset + length - 1) / READY_BLOCK_BYTES);
  if (last >= map.length * 8) return false;
  for (let block = first; block <= last; ) {
    const byte = Atomics.load(map, block >> 3);
    if (byte === 0xff) {
      block = (block | 7) + 1;
    } else {
      if ((byte & (1 << (block & 7))) === 0) return false;
      block += 1;
    }
  }
  return true;
}
