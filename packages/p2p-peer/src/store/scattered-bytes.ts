/** Bytes that follow each other in a blob and lie in several buffers: the blocks of one read. */

export function sizeOf(buffers: readonly Uint8Array[]): number {
  return buffers.reduce((sum, { length }) => sum + length, 0);
}

/** Views of the bytes from `start` to `end`, counted over all of them. */
export function sliceOf(buffers: readonly Uint8Array[], start: number, end: number): Uint8Array[] {
  const views: Uint8Array[] = [];
  let at = 0;
  for (const buffer of buffers) {
    const [from, to] = [Math.max(start - at, 0), Math.min(end - at, buffer.length)];
    if (from < to) views.push(buffer.subarray(from, to));
    at += buffer.length;
  }
  return views;
}
