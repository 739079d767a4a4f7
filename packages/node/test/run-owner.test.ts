/** A run directory is one root's until nothing of that root is held there. */
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ServiceManager, startHolder, stopHolder } from '@shoal/linux';
import { StateStore } from '@shoal/snapshotter';
import { temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { daemonPaths } from '../src/config/paths.ts';
import { claimRun } from '../src/process/run-owner.ts';

function twoRoots(t: Parameters<typeof temporaryDirectory>[0]) {
  const directory = temporaryDirectory(t);
  const run = join(directory, 'run');
  const [first, second] = [join(directory, 'a'), join(directory, 'b')];
  for (const path of [run, first, second]) mkdirSync(path);
  const [a, b] = [daemonPaths({ root: first, run }), daemonPaths({ root: second, run })];
  return { a, b, owner: () => readFileSync(join(run, 'root'), 'utf8') };
}

t.test('of a root that holds nothing there it is taken over', async (t) => {
  const { a, b, owner } = twoRoots(t);
  claimRun(a, undefined);
  claimRun(a, undefined);
  t.equal(owner(), a.root);
  claimRun(b, undefined);
  t.equal(owner(), b.root);
});

for (const name of ['blobfs', 'socket']) {
  t.test(`while a holder keeps what is in ${name}, another root is refused`, async (t) => {
    const { a, b, owner } = twoRoots(t);
    claimRun(a, undefined);
    const fd = openSync(a.root, 'r');
    const holder = await startHolder({ kept: fd }, join(a.run, name));
    closeSync(fd);
    t.teardown(() => stopHolder(holder));
    t.throws(() => claimRun(b, undefined), { code: 'ERR_NODE_RUN_TAKEN' });
    t.equal(owner(), a.root);
    claimRun(a, undefined);
    await stopHolder(holder);
    claimRun(b, undefined);
    t.equal(owner(), b.root);
  });
}

t.test('while a process has the state of its root, another one is refused', async (t) => {
  const { a, b } = twoRoots(t);
  claimRun(a, undefined);
  const state = await StateStore.open(a.root);
  t.throws(() => claimRun(b, undefined), { code: 'ERR_NODE_RUN_TAKEN' });
  await state.close();
  claimRun(b, undefined);
});

t.test('while a service manager keeps something, another root is refused', async (t) => {
  const { a, b } = twoRoots(t);
  claimRun(a, undefined);
  const none = ServiceManager.fromEnvironment({}, process.pid);
  t.notOk(none.hasStoredFds);
  const manager = { hasStoredFds: true } as const;
  t.throws(() => claimRun(b, manager), {
    code: 'ERR_NODE_RUN_TAKEN',
    message: new RegExp(`${a.run} .*${a.root}.*${b.root}`),
  });
  claimRun(b, none);
});
