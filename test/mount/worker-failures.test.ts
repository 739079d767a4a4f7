/**
 * FUSE threads that fail whatever is done: the daemon makes place for a successor, again and again,
 * and readers wait until one can serve them.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { requireMounts, until } from '@shoal/test-kit';
import t from 'tap';
import {
  convertDirectory,
  digestBySha256sum,
  digestOfFile,
  mountWorld,
  writeFiles,
} from '../support/mounted-image.ts';

const FILES = { one: 400_000, two: 400_000 };

/** Runs in every thread of a daemon: while the file is there, FUSE threads fail, new ones at once. */
function failingThreads(file: string): string {
  return `
import { existsSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import threads from 'node:worker_threads';
if (threads.workerData?.start?.fuseFd !== undefined) {
  const { receiveMessageOnPort } = threads;
  const check = () => {
    if (existsSync(${JSON.stringify(file)})) throw new Error('made to fail');
  };
  check();
  threads.receiveMessageOnPort = (port) => {
    check();
    return receiveMessageOnPort(port);
  };
  syncBuiltinESMExports();
}
`;
}

t.setTimeout(540_000);

t.test('a daemon whose threads keep failing is succeeded; readers wait', async (t) => {
  if (!requireMounts(t)) return;
  const world = mountWorld(t, { isSupervised: true });
  const source = join(world.directory, 'source');
  writeFiles(source, FILES);
  const reference = `oci:${join(world.directory, 'image')}:latest`;
  await convertDirectory(source, reference, 0x10000);
  const [preload, flag] = ['preload.mjs', 'fail'].map((name) => join(world.directory, name));
  if (preload === undefined || flag === undefined) return;
  writeFileSync(preload, failingThreads(flag));
  const options = process.env['NODE_OPTIONS'] ?? '';
  process.env['NODE_OPTIONS'] = `${options} --import=${pathToFileURL(preload)}`;
  await world.start().finally(() => {
    process.env['NODE_OPTIONS'] = options;
  });
  const [first, second] = [world.mountpoint('first'), world.mountpoint('second')];
  await world.mount({ reference, mountpoint: first });
  writeFileSync(flag, '');
  const waiting = digestBySha256sum(join(first, 'one'));
  const log = () => readFileSync(join(world.daemon.run, 'shoal.log'), 'utf8');
  await until('its successor fails, too', () => log().includes('ERR_LINUX_FUSE_WORKERS'));
  t.match(log(), /FUSE threads fail again and again/);
  rmSync(flag);
  t.equal(await waiting, digestOfFile(join(source, 'one')), 'the reader noticed nothing');
  await world.mount({ reference, mountpoint: second });
  t.equal(await digestBySha256sum(join(second, 'two')), digestOfFile(join(source, 'two')));
  t.match(await world.status(), { mounts: { length: 2 }, problems: [] });
});
