/** A small, repeatable share of what the fuzz runner does for longer: the same inputs every time. */
import { ShoalError } from '@shoal/errors';
import type { FuzzTarget } from './fuzz-target.ts';

const ROUNDS = 400;
/** Where headers are, and with them the decisions. */
const HEADER_BYTES = 64;

export type ShortFuzz = { readonly rounds: number; readonly refused: number };

/** Every input must be decoded or refused with a coded error: rejects with the input for which neither is so. */
export async function fuzzShortly(target: FuzzTarget, rounds = ROUNDS): Promise<ShortFuzz> {
  const samples = await target.samples();
  for (const sample of samples) await target.run(Buffer.from(sample));
  let refused = 0;
  for (let seed = 0; seed < rounds; seed++) {
    const input = mutated(samples[seed % samples.length] ?? Buffer.alloc(0), seed);
    try {
      await target.run(Buffer.from(input));
    } catch (error) {
      refused++;
      if (error instanceof ShoalError) continue;
      const shown = input.toString('base64').slice(0, 200);
      throw new Error(`seed ${seed}: ${String(error)}: ${shown}`, { cause: error });
    }
  }
  return { rounds, refused };
}

function mutated(sample: Uint8Array, seed: number): Buffer {
  const bytes = Buffer.from(sample);
  let state = (seed * 747_796_405 + 2_891_336_453) >>> 0;
  const next = (limit: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state >>> 8) % Math.max(1, limit);
  };
  for (let change = 0; change <= seed % 4; change++) {
    const at = next(next(2) === 0 ? Math.min(HEADER_BYTES, bytes.length) : bytes.length);
    if (bytes.length > 0) bytes[at] = next(256);
  }
  if (seed % 7 === 0) return bytes.subarray(0, next(bytes.length));
  return seed % 11 === 0 ? Buffer.concat([bytes, Buffer.alloc(next(5000), next(256))]) : bytes;
}
