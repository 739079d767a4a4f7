/** A process that uses a store is killed: what it left is right, and no less than it was promised. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { RangeSet } from '../src/ranges/range-set.ts';
import { randomOf } from './support/random.ts';
import { sampleBytes } from './support/sample-bytes.ts';
import { storeFixture, wrongRanges } from './support/store-fixture.ts';

const KILLS = 30;
const BLOBS = 3;
const BLOB_BYTES = 6 << 20;
/** As long as it takes to write some blobs full. */
const RUN_MS_MAX = 400;

const samples = Array.from({ length: BLOBS }, (_, index) => sampleBytes(index, BLOB_BYTES));

/** What it was told of each blob, for as long as the process lived. */
async function runAndKill(directory: string, seed: number): Promise<Map<string, RangeSet>> {
  const child = fileURLToPath(new URL('./support/store-crash-child.ts', import.meta.url));
  const args = [child, directory, String(seed), String(BLOBS), String(BLOB_BYTES)];
  const running = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(running, 'exit');
  const kept = new Map<string, RangeSet>();
  let rest = '';
  for await (const text of running.stdout.setEncoding('utf8')) {
    const lines = (rest + String(text)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const [word = '', blobId = '', ...numbers] = line.split(' ');
      if (word === 'ready') {
        void sleep(randomOf(seed)() * RUN_MS_MAX).then(() => running.kill('SIGKILL'));
      } else if (word === 'kept') {
        kept.set(blobId, RangeSet.decode(Buffer.from(numbers[0] ?? '', 'hex')));
      } else {
        const [start = 0, end = 0] = numbers.map(Number);
        kept.get(blobId)?.remove({ start, end });
      }
    }
  }
  await ended;
  return kept;
}

t.test(
  'a store that is killed at any moment has only right bytes, and all it promised',
  async (t) => {
    const fixture = storeFixture(t);
    let promises = 0;
    for (let seed = 1; seed <= KILLS; seed++) {
      const kept = await runAndKill(fixture.directory, seed);
      const store = await fixture.open();
      for (const sample of samples) {
        const blob = await store.blob(sample.blobId, BLOB_BYTES);
        t.strictSame(await wrongRanges(blob, sample), [], `seed ${seed}: every held byte is right`);
        const promised = [...(kept.get(sample.blobId) ?? [])];
        const missing = promised.flatMap((range) => blob.held.missing(range));
        t.strictSame(missing, [], `seed ${seed}: what was promised is held`);
        promises += promised.length;
      }
      t.match(store.stats(), { recordsDamaged: 0, filesDamaged: 0 });
      await store.close();
    }
    t.ok(promises > KILLS, `${promises} ranges were promised`);
  },
);
