/** A process that ends while a thread loads a native module. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import t from 'tap';

const MODULE = new URL('../src/codec/native-load.ts', import.meta.url).href;

/**
 * A thread that is loading something when the process begins to exit, and goes on for a while; then it
 * begins another. Threads end where the process does not wait for them.
 */
const THREAD = `
import { writeSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { loadNative } from '${MODULE}';
loadNative(() => {
  writeSync(1, 'begun ');
  parentPort.postMessage('loading');
  Atomics.wait(workerData.exits, 0, 0);
  Atomics.wait(workerData.exits, 0, 1, 100);
  writeSync(1, 'loaded ');
});
try {
  loadNative(() => writeSync(1, 'late '));
} catch (error) {
  writeSync(1, error.message);
}
`;

function program(exit: string): string {
  return `
import { Worker } from 'node:worker_threads';
import { nativeLoads } from '${MODULE}';
const thread = new URL('data:text/javascript,' + encodeURIComponent(${JSON.stringify(THREAD)}));
const exits = new Int32Array(new SharedArrayBuffer(4));
process.on('exit', () => {
  Atomics.store(exits, 0, 1);
  Atomics.notify(exits, 0);
});
const worker = new Worker(thread, { workerData: { ...nativeLoads(), exits } });
worker.unref();
worker.once('message', () => { ${exit} });
setTimeout(() => {}, 60_000);
`;
}

async function run(exit: string): Promise<{ status: unknown; said: string }> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', program(exit)], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [said, [status]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  return { status, said };
}

t.test('the end of the process waits for a native module that a thread loads', async (t) => {
  for (const [exit, status] of [
    ['process.exit(7)', 7],
    ["throw new Error('a bug')", 1],
  ] as const) {
    const outcome = await run(exit);
    t.equal(outcome.status, status, exit);
    t.match(outcome.said, /^begun loaded /, 'it was not interrupted');
    t.notMatch(outcome.said, /late/, 'none is started any more');
  }
});
