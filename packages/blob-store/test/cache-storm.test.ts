import { readFileSync } from 'node:fs';
import t from 'tap';
import { type CachedBlob, PRIORITIES } from '../src/index.ts';
import { openCache } from './support/cache-fixture.ts';
import { isBlockReady, sampleBlob } from './support/sample-blob.ts';
import { FaultError, ScriptedSource } from './support/scripted-source.ts';

function generator(seed: number): (limit: number) => number {
  let state = (seed * 2_891_336_453 + 747_796_405) >>> 0;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state >>> 8) % limit;
  };
}

/** Fails, lies, stops short or dawdles, one time in three. */
function unreliable(source: ScriptedSource, next: (limit: number) => number): void {
  source.script = async (_, bytes) => {
    switch (next(12)) {
      case 0:
        throw new FaultError('reset', { retryable: true });
      case 1:
        bytes[next(bytes.length)] = next(256);
        return bytes;
      case 2:
        return bytes.subarray(0, next(bytes.length));
      case 3:
        await new Promise((resolve) => setTimeout(resolve, next(10)));
        return bytes;
      default:
        return bytes;
    }
  };
}

t.test(
  'many readers, two mounts, a bad network, callers that give up: no wrong byte',
  async (t) => {
    for (const seed of [1, 2, 3, 4]) {
      const next = generator(seed);
      const sizes = Array.from({ length: 120 }, () => 1 + next(next(4) === 0 ? 60_000 : 6000));
      const sample = sampleBlob({
        seed,
        sizes,
        compressor: seed % 2 === 0 ? 'zstd' : 'lz4_block',
        batches: [
          [3, 9],
          [40, 60],
        ],
      });
      const fixture = await openCache(t);
      const handles: CachedBlob[] = [];
      for (let mount = 0; mount < 2; mount++) {
        const source = new ScriptedSource([sample]);
        unreliable(source, next);
        handles.push(await fixture.cache.openBlob(sample.description, source));
      }
      let answered = 0;
      let refused = 0;
      const reader = async () => {
        for (let round = 0; round < 12; round++) {
          const handle = handles[next(2)];
          const offset = next(sample.device.length);
          const length = 1 + next(Math.min(100_000, sample.device.length - offset));
          const controller = new AbortController();
          if (next(4) === 0) setTimeout(() => controller.abort(new Error('gave up')), next(8));
          const options = {
            priority: PRIORITIES[next(PRIORITIES.length)] ?? 'demand',
            signal: controller.signal,
          };
          const bytes = await handle?.read(offset, length, options).catch(() => undefined);
          if (bytes === undefined) refused++;
          else if (bytes.equals(sample.device.subarray(offset, offset + length))) answered++;
          else t.fail(`seed ${seed}: wrong bytes at ${offset}+${length}`);
        }
      };
      await Promise.all(Array.from({ length: 24 }, reader));
      t.ok(answered > 100, `seed ${seed}: ${answered} right answers, ${refused} refusals`);
      const [first] = handles;
      if (first === undefined) return;
      const file = readFileSync(first.path);
      for (let at = 0; at < file.length; at += 4096) {
        if (!isBlockReady(first.readyMap, at / 4096)) continue;
        const isRight = file.subarray(at, at + 4096).equals(sample.device.subarray(at, at + 4096));
        if (!isRight) t.fail(`seed ${seed}: wrong block ${at / 4096}`);
      }
      await fixture.cache.close();
    }
  },
);
