/** Chunks of several kinds, one after the other as the codec's jobs take them. */
import { randomBytes } from 'node:crypto';

export const CHUNKS = [
  Buffer.alloc(1 << 20, 'shoal of fish '),
  randomBytes(70_000),
  Buffer.from('x'),
  Buffer.alloc(4097, 0),
];

/** A job's input; `spare` bytes are free behind the chunks. */
export function packed(chunks: readonly Buffer[], spare = 0) {
  const all = Buffer.concat(chunks);
  const raw = new ArrayBuffer(all.length + spare);
  new Uint8Array(raw).set(all);
  return { raw, lengths: Uint32Array.from(chunks, (chunk) => chunk.length) };
}
