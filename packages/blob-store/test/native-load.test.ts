import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import t from 'tap';

const MODULE = new URL('../src/codec/native-load.ts', import.meta.url).href;

/** A thread that takes its time to load something, in a process that exits meanwhile. */
const THREAD = `
import { writeSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { loadNative } from '${MODULE}';
const pause = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
loadNative(() => {
  writeSync(1, 'begun ');
  parentPort.postMessage('loading');
  pause(300);
  writeSync(1, 'loaded ');
});
pause(50);
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
const worker = new Worker(thread, { workerData: nativeLoads() });
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
