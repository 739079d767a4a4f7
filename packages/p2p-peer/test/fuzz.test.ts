/** Every decoder of strangers' bytes takes a small share of what the fuzz runner does for longer. */
import { ShoalError } from '@shoal/errors';
import t from 'tap';
import { fuzzTargets } from './fuzz-targets.ts';

/** The same for the same seed. */
function mutated(sample: Uint8Array, seed: number): Buffer {
  const bytes = Buffer.from(sample);
  let state = (seed * 747_796_405 + 2_891_336_453) >>> 0;
  const next = (limit: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state >>> 8) % Math.max(1, limit);
  };
  for (let change = 0; change <= seed % 4; change++) {
    // Half of the changes hit the header, where the decisions are.
    const at = next(next(2) === 0 ? Math.min(64, bytes.length) : bytes.length);
    if (bytes.length > 0) bytes[at] = next(256);
  }
  if (seed % 7 === 0) return bytes.subarray(0, next(bytes.length));
  return seed % 11 === 0 ? Buffer.concat([bytes, Buffer.alloc(next(5000), next(256))]) : bytes;
}

for (const target of fuzzTargets) {
  t.test(target.name, async (t) => {
    const samples = await target.samples();
    for (const sample of samples) await target.run(Buffer.from(sample));
    for (let seed = 0; seed < 400; seed++) {
      const sample = samples[seed % samples.length] ?? Buffer.alloc(0);
      try {
        await target.run(mutated(sample, seed));
      } catch (error) {
        if (error instanceof ShoalError) continue;
        t.fail(`seed ${seed}: ${String(error)}`);
        return;
      }
    }
    t.pass('every input is decoded or refused with a coded error');
  });
}
