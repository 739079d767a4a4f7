/** A short run of every fuzz target with fixed seeds: refusals are coded, nothing else is thrown. */

import { ShoalError } from '@shoal/errors';
import t from 'tap';
import { fuzzTargets } from './fuzz-targets.ts';

const ROUNDS = 400;

/** mulberry32: small, seeded, good enough to choose bytes. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b_79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

function mutate(sample: Uint8Array, next: (below: number) => number): Buffer {
  const bytes = Buffer.from(sample);
  const edits = 1 + next(4);
  for (let edit = 0; edit < edits && bytes.length > 0; edit++) {
    const at = next(bytes.length);
    const kind = next(4);
    if (kind === 0) bytes[at] = next(256);
    else if (kind === 1) bytes[at] = (bytes[at] ?? 0) ^ (1 << next(8));
    else if (kind === 2) bytes.fill(next(2) * 0xff, at, Math.min(at + 1 + next(8), bytes.length));
    else bytes.copy(bytes, next(bytes.length), at, at + next(64));
  }
  return next(8) === 0 ? bytes.subarray(0, next(bytes.length + 1)) : bytes;
}

for (const target of fuzzTargets) {
  t.test(target.name, async (t) => {
    const next = random(0x5110a1);
    const samples = await target.samples();
    for (const sample of samples) await target.run(Buffer.from(sample));
    let refused = 0;
    const rounds = target.name === 'every-inode' ? ROUNDS / 20 : ROUNDS;
    for (let round = 0; round < rounds; round++) {
      const input = mutate(samples[next(samples.length)] ?? Buffer.alloc(0), next);
      try {
        await target.run(Buffer.from(input));
      } catch (error) {
        refused++;
        if (error instanceof ShoalError) continue;
        t.error(error, `round ${round}: ${input.toString('base64').slice(0, 200)}`);
        return;
      }
    }
    t.ok(refused > 0 && refused < rounds, `${refused} of ${rounds} refused: both ways are taken`);
  });
}
