/**
 * Loaded into a daemon before anything else (`--import`): at SIGUSR2 collects garbage and writes what
 * is left of the main thread's memory to the file named by SHOAL_TEST_HEAP, in bytes.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { isMainThread } from 'node:worker_threads';

const file = process.env['SHOAL_TEST_HEAP'];
/** What finalizers of one collection let go, the next one finds. */
const COLLECTIONS = 4;
const PAUSE_MS = 100;

function tell(collect: () => void, target: string, left: number): void {
  collect();
  if (left > 0) {
    setTimeout(() => tell(collect, target, left - 1), PAUSE_MS);
    return;
  }
  const { heapUsed, external } = process.memoryUsage();
  writeFileSync(`${target}.draft`, String(heapUsed + external));
  renameSync(`${target}.draft`, target);
}

if (isMainThread && file !== undefined) {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  if (typeof collect !== 'function') throw new Error('there is no gc');
  process.on('SIGUSR2', () => tell(() => collect(), file, COLLECTIONS));
}
