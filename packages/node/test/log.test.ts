/** The daemon's log when its disk is full. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { newRequest, runInRequest } from '@shoal/snapshotter';
import {
  requireMounts,
  requireTool,
  runChecked,
  type TestScope,
  temporaryDirectory,
} from '@shoal/test-kit';
import t from 'tap';
import { openLog } from '../src/log/log.ts';

const MODULE = new URL('../src/log/log.ts', import.meta.url).href;

/** A log's file where there is room for 64 KiB. */
async function logOnSmallDisk(t: TestScope) {
  const small = temporaryDirectory(t);
  await runChecked('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', small]);
  t.teardown(() => runChecked('umount', ['-l', small]));
  const path = join(small, 'log');
  const fd = openSync(path, 'a');
  t.teardown(() => closeSync(fd));
  return { small, path, fd };
}

t.test('what a line of a request says is not said of its next lines', async (t) => {
  const path = join(temporaryDirectory(t), 'log');
  const fd = openSync(path, 'a');
  t.teardown(() => closeSync(fd));
  const log = openLog('info', fd);
  runInRequest(newRequest('control', 'GET /v1/status'), () => {
    log.warn({ code: 'ERR_A', reason: 'of the first' }, 'first');
    log.info('second');
  });
  log.info('third');
  const [first, second, third] = readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  t.match(first, { requestId: /^control-/, code: 'ERR_A', reason: 'of the first' });
  t.equal(second.requestId, first.requestId);
  t.notOk('code' in second || 'reason' in second);
  t.notOk('requestId' in third);
});

t.test('a full disk does not end the process', async (t) => {
  const program = `
import { openLog } from '${MODULE}';
const log = openLog('info');
for (let line = 0; line < 3; line += 1) {
  log[line === 2 ? 'fatal' : 'info']('a line');
  await new Promise((resolve) => setTimeout(resolve, 10));
}
console.log('alive');
`;
  const full = openSync('/dev/full', 'w');
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', full],
  });
  closeSync(full);
  const [said, [status]] = await Promise.all([
    child.stdout === null ? '' : text(child.stdout),
    once(child, 'exit'),
  ]);
  t.equal(status, 0);
  t.equal(said, 'alive\n');
});

t.test('when there is room again the log goes on', async (t) => {
  if (!requireMounts(t) || !requireTool(t, 'mount')) return;
  const { small, path, fd } = await logOnSmallDisk(t);
  const log = openLog('info', fd);
  const ballast = join(small, 'ballast');
  t.throws(() => writeFileSync(ballast, Buffer.alloc(1 << 20)), { code: 'ENOSPC' });
  log.info('while it is full');
  rmSync(ballast);
  log.info('afterwards');
  const messages = readFileSync(path, 'utf8').trim().split('\n');
  t.same(
    messages.map((line) => JSON.parse(line).message),
    ['while it is full', 'afterwards'],
  );
});

t.test('a log is kept bounded, for all who write to it, and no line is broken', async (t) => {
  const path = join(temporaryDirectory(t), 'log');
  const [fd, supervisor] = [openSync(path, 'a'), openSync(path, 'a')];
  t.teardown(() => [fd, supervisor].map((open) => closeSync(open)));
  const bytesMax = 4096;
  const log = openLog('info', fd, { path, bytesMax });
  const numbers = (file: string) =>
    readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).at as number);
  let largest = 0;
  for (let at = 0; at < 500; at += 1) {
    if (at % 50 === 0) writeSync(supervisor, `${JSON.stringify({ at })}\n`);
    else log.info({ at }, 'a line');
    largest = Math.max(largest, statSync(path).size);
  }
  t.ok(largest > bytesMax / 2 && largest <= bytesMax + 200, `${largest} bytes at most`);
  const kept = [...numbers(`${path}.old`), ...numbers(path)];
  t.equal(kept.at(-1), 499);
  t.ok(kept.length > 40, `${kept.length} lines are kept`);
  t.same(
    kept,
    kept.map((_, index) => (kept[0] ?? 0) + index),
    'in order, none lost',
  );
  // Somebody has moved it away, as a newer daemon does at its start: it is not ours any more.
  renameSync(path, `${path}.moved`);
  writeFileSync(path, 'of another daemon');
  for (let at = 0; at < 100; at += 1) log.info({ at }, 'a line');
  t.equal(readFileSync(path, 'utf8'), 'of another daemon');
});

t.test('a full disk does not keep a log from being bounded', async (t) => {
  if (!requireMounts(t) || !requireTool(t, 'mount')) return;
  const { path, fd } = await logOnSmallDisk(t);
  const log = openLog('info', fd, { path, bytesMax: 40_000 });
  for (let at = 0; at < 2000; at += 1) log.info({ at }, 'a line');
  const last = readFileSync(path, 'utf8').trim().split('\n').at(-1) ?? '';
  t.match(JSON.parse(last), { at: 1999 });
});
