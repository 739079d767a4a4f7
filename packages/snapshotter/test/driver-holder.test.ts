/** The blobfs driver and its holder: lost ones are replaced, none is left behind, one may have a socket. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { unmount } from '@shoal/linux';
import { requireMounts, until } from '@shoal/test-kit';
import t from 'tap';
import { type DriverEvent, openBlobfsDriver } from '../src/driver/index.ts';
import { blobBytes } from './support/driver-blob.ts';
import { DriverFixture } from './support/driver-fixture.ts';

t.setTimeout(120_000);

/** The process that a successor would ask. */
function recorded(stateDirectory: string): unknown {
  return JSON.parse(readFileSync(join(stateDirectory, 'session.json'), 'utf8')).holder.pid;
}

t.test('a lost holder is replaced while the driver runs', async (t) => {
  if (!requireMounts(t)) return;
  const fixture = new DriverFixture(t);
  const { stateDirectory } = fixture;
  const driver = await openBlobfsDriver({ stateDirectory });
  t.teardown(() => driver.shutDown());
  await driver.mount(fixture.request('m', [fixture.blob(7, 4)]));
  const [before] = fixture.holders();
  if (before !== undefined) process.kill(before, 'SIGKILL');
  await until('there is another holder', () => fixture.holders().some((pid) => pid !== before));
  await until('it is recorded', () => recorded(stateDirectory) === fixture.holders()[0]);
  t.equal(fixture.holders().length, 1);
  await driver.unmount('m');
});

t.test('a holder that cannot be replaced at once is tried again', async (t) => {
  if (!requireMounts(t)) return;
  const fixture = new DriverFixture(t);
  const { stateDirectory } = fixture;
  const events: DriverEvent[] = [];
  const driver = await openBlobfsDriver({
    stateDirectory,
    onEvent: (event) => events.push(event),
  });
  t.teardown(() => driver.shutDown());
  await driver.mount(fixture.request('m', [fixture.blob(15, 4)]));
  // As on a full disk: the new holder cannot be recorded.
  const obstacle = join(stateDirectory, 'session.json.new');
  mkdirSync(obstacle);
  for (const pid of fixture.holders()) process.kill(pid, 'SIGKILL');
  await until('it failed', () => events.some(({ message }) => /no new holder/.test(message)));
  rmdirSync(obstacle);
  await until('there is a holder again', () => recorded(stateDirectory) === fixture.holders()[0]);
  t.equal(fixture.holders().length, 1);
  await driver.unmount('m');
});

t.test('a driver that closes without a mount left leaves no holder', async (t) => {
  if (!requireMounts(t)) return;
  const fixture = new DriverFixture(t);
  const { stateDirectory } = fixture;
  const byHand = await openBlobfsDriver({ stateDirectory });
  const request = fixture.request('m', [fixture.blob(10, 4)]);
  await byHand.mount(request);
  unmount(request.mountpoint);
  await byHand.close();
  t.same(fixture.holders(), [], 'unmounted by hand');
  const asked = await openBlobfsDriver({ stateDirectory });
  await asked.mount(request);
  await asked.unmount('m');
  await asked.close();
  t.same(fixture.holders(), [], 'unmounted by the driver');
  t.notOk(existsSync(join(stateDirectory, 'session.json')));
});

t.test('a holder that is being replaced ends with the driver', async (t) => {
  if (!requireMounts(t)) return;
  const fixture = new DriverFixture(t);
  const events: DriverEvent[] = [];
  const driver = await openBlobfsDriver({
    stateDirectory: fixture.stateDirectory,
    onEvent: (event) => {
      events.push(event);
      // At this moment the next one is about to be started.
      if (/holder/.test(event.message)) void driver.shutDown();
    },
  });
  const request = fixture.request('m', [fixture.blob(11, 4)]);
  await driver.mount(request);
  await driver.unmount('m');
  for (const pid of fixture.holders()) process.kill(pid, 'SIGKILL');
  await until('the driver knows', () => events.length > 0);
  await until('the session has ended', () => driver.stats() === undefined);
  t.same(fixture.holders(), []);
});

t.test('a holder with a socket: a reader waits while the next driver takes over', async (t) => {
  if (!requireMounts(t)) return;
  const fixture = new DriverFixture(t);
  const options = { stateDirectory: fixture.stateDirectory, holderKind: 'socket' } as const;
  const [blob, other] = [fixture.blob(12, 50), fixture.blob(13, 4)];
  const request = fixture.request('m', [blob]);
  const predecessor = await openBlobfsDriver(options);
  await predecessor.mount(request);
  blob.fetch = () => new Promise(() => undefined);
  const reader = spawn('cmp', [join(request.mountpoint, 'file-0'), '-'], {
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  reader.stdin.end(blobBytes(12, 0, 50 * 4096));
  const ended = once(reader, 'exit');
  await until('the reader waits', () => (predecessor.stats()?.waiting ?? 0) > 0);
  await predecessor.close();
  blob.fetch = undefined;
  const successor = await openBlobfsDriver(options);
  t.teardown(() => successor.shutDown());
  const { mounts } = await successor.restore([request]);
  t.match(mounts, [{ mountId: 'm', origin: 'adopted' }]);
  t.same(await ended, [0, null], 'every byte is right');
  const [before] = fixture.holders();
  if (before !== undefined) process.kill(before, 'SIGKILL');
  await until('there is another holder', () => fixture.holders().some((pid) => pid !== before));
  const next = fixture.request('n', [other]);
  await successor.mount(next);
  t.ok((await readFile(join(next.mountpoint, 'file-0'))).equals(blobBytes(13, 0, 4 * 4096)));
  for (const id of ['m', 'n']) await successor.unmount(id);
  await successor.shutDown();
  await until('no holder is left', () => fixture.holders().length === 0);
  t.same(readdirSync(fixture.stateDirectory), [], 'and no socket');
});
