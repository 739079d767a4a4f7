/** Conversion gives the same bytes each time: so must each frame, whatever the thread did before. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { encodeWithZlib, encodeZstdFrame } from '../src/codec/zstd-frame.ts';

const CHUNK_BYTES = 1 << 20;

/** A program, in chunks; and its beginnings of many lengths. */
function samples(): Buffer[] {
  const program = readFileSync(process.execPath).subarray(0, 24 << 20);
  const whole = Array.from({ length: 24 }, (_, at) =>
    program.subarray(at * CHUNK_BYTES, (at + 1) * CHUNK_BYTES),
  );
  const beginnings = Array.from({ length: 20 }, (_, at) => program.subarray(0, 3 ** at % 300_000));
  return [...whole, ...beginnings];
}

t.test('a frame depends on its chunk alone', async (t) => {
  const chunks = samples();
  const frames = chunks.map((chunk) => Buffer.from(encodeZstdFrame(chunk)));
  for (const [index, chunk] of [...chunks.entries()].toReversed()) {
    const frame = frames[index];
    if (frame?.equals(encodeZstdFrame(chunk)) !== true) t.fail(`chunk ${index}, another order`);
    if (frame?.equals(encodeWithZlib(chunk)) !== true) t.fail(`chunk ${index}, node:zlib`);
  }
  t.equal(frames.length, chunks.length);
});
