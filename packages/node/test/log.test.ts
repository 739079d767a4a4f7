/** The daemon's log when its disk is full. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { requireMounts, requireTool, runChecked, temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { openLog } from '../src/log.ts';

const MODULE = new URL('../src/log.ts', import.meta.url).href;

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
  const small = temporaryDirectory(t);
  await runChecked('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', small]);
  t.teardown(() => runChecked('umount', ['-l', small]));
  const path = join(small, 'log');
  const fd = openSync(path, 'a');
  t.teardown(() => closeSync(fd));
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
