/** One blobfs driver after another: closed and killed predecessors, lost holders, lost sessions. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startHolder } from '@shoal/linux';
import { allowFewFiles, requireMounts, requireTool, until } from '@shoal/test-kit';
import t from 'tap';
import { BlobfsSession } from '../src/driver/blobfs-session.ts';
import { type DriverEvent, openBlobfsDriver } from '../src/driver/index.ts';
import { readSessionState } from '../src/driver/session-state.ts';
import { blobBytes } from './support/driver-blob.ts';
import { DriverFixture } from './support/driver-fixture.ts';

t.setTimeout(120_000);

t.test('a reader waits while one driver closes and the next takes over', async (t) => {
  if (!requireMounts(t)) return;
  const fixture = new DriverFixture(t);
  const { stateDirectory } = fixture;
  const blob = fixture.blob(1, 50);
  const [plain, writable] = [fixture.request('p', [blob]), fixture.request('w', [blob], true)];
  const predecessor = await openBlobfsDriver({ stateDirectory });
  await predecessor.mount(plain);
  await predecessor.mount(writable);
  blob.fetch = () => new Promise(() => undefined);
  const path = join(plain.mountpoint, 'file-0');
  const reader = spawn('sha256sum', [path], { stdio: ['ignore', 'pipe', 'inherit'] });
  const output = once(reader.stdout, 'data');
  await until('the reader waits', () => (predecessor.stats()?.waiting ?? 0) > 0);
  await predecessor.close();
  await predecessor.close();
  blob.fetch = undefined;
  // As a daemon leaves one that dies between starting a holder and recording it.
  const device = openSync(blob.path, 'r');
  await startHolder({ device }, stateDirectory);
  closeSync(device);
  const successor = await openBlobfsDriver({ stateDirectory });
  t.teardown(() => successor.shutDown());
  const { mounts, failures } = await successor.restore([plain, writable]);
  t.same(failures, []);
  t.same(
    mounts.map(({ mountId, origin }) => [mountId, origin]),
    [
      ['p', 'adopted'],
      ['w', 'adopted'],
    ],
  );
  const [line] = await output;
  const expected = spawn('sha256sum', { stdio: ['pipe', 'pipe', 'inherit'] });
  expected.stdin.end(blobBytes(1, 0, 50 * 4096));
  const [sum] = await once(expected.stdout, 'data');
  t.equal(String(line).slice(0, 64), String(sum).slice(0, 64));
  await until('one holder is left', () => fixture.holders().length === 1);
  const third = fixture.request('t', [blob, fixture.blob(2, 4)]);
  await successor.mount(third);
  t.ok((await readFile(join(third.mountpoint, 'file-1'))).equals(blobBytes(2, 0, 4 * 4096)));
  for (const id of ['p', 'w', 't']) await successor.unmount(id);
});

t.test('when session and holder are gone, images are mounted anew', async (t) => {
  if (!requireMounts(t)) return;
  const fixture = new DriverFixture(t);
  const { stateDirectory } = fixture;
  const blob = fixture.blob(3, 20);
  const request = fixture.request('m', [blob]);
  const predecessor = await openBlobfsDriver({ stateDirectory });
  await predecessor.mount(request);
  await predecessor.close();
  for (const pid of fixture.holders()) process.kill(pid, 'SIGKILL');
  await until('the holder is gone', () => fixture.holders().length === 0);
  await t.rejects(
    readFile(join(request.mountpoint, 'file-0')),
    { code: 'EIO' },
    'an error, no zeros',
  );
  const successor = await openBlobfsDriver({ stateDirectory });
  t.teardown(() => successor.shutDown());
  const { mounts } = await successor.restore([request]);
  t.match(mounts, [{ origin: 'remounted' }]);
  t.same(fixture.mounts(), [request.mountpoint]);
  t.ok((await readFile(join(request.mountpoint, 'file-0'))).equals(blobBytes(3, 0, 20 * 4096)));
  await successor.unmount('m');
});

t.test('a session is not ended because this start can make nothing of its mounts', async (t) => {
  if (!requireMounts(t)) return;
  const fixture = new DriverFixture(t);
  const { stateDirectory } = fixture;
  const request = fixture.request('m', [fixture.blob(4, 4)]);
  const { mountpoint } = request;
  const predecessor = await openBlobfsDriver({ stateDirectory });
  await predecessor.mount(request);
  await predecessor.close();
  const lost = [{ mountpoint, error: new Error('EMFILE: too many open files') }];
  await t.rejects((await openBlobfsDriver({ stateDirectory })).restore([], lost), {
    code: 'ERR_SNAPSHOTTER_SESSION_KEPT',
    message: /EMFILE: too many open files \(.*m-mnt\)$/,
    retryable: true,
    remedy: /umount -l .*m-mnt$/,
  });
  t.equal(fixture.holders().length, 1);
  const successor = await openBlobfsDriver({ stateDirectory });
  t.teardown(() => successor.shutDown());
  t.match(await successor.restore([request], lost), { mounts: [{ origin: 'adopted' }] });
  t.ok((await readFile(join(mountpoint, 'file-0'))).equals(blobBytes(4, 0, 4 * 4096)));
  await successor.unmount('m');
  await successor.shutDown();
  const third = await openBlobfsDriver({ stateDirectory });
  t.match(await third.restore([], lost), { mounts: [] }, 'without a session nobody waits');
});

t.test('a session is not ended because this process may open no more files', async (t) => {
  if (!requireMounts(t) || !requireTool(t, 'prlimit')) return;
  const fixture = new DriverFixture(t);
  const { stateDirectory } = fixture;
  const request = fixture.request('m', [fixture.blob(4, 4)]);
  const predecessor = await openBlobfsDriver({ stateDirectory });
  await predecessor.mount(request);
  await predecessor.close();
  const successor = await openBlobfsDriver({ stateDirectory });
  const files = await allowFewFiles(1);
  try {
    await t.rejects(successor.restore([request]), {
      code: 'ERR_SNAPSHOTTER_SESSION_KEPT',
      message: /EMFILE.*m-mnt\)$/,
    });
  } finally {
    await files.again();
  }
  t.equal(fixture.holders().length, 1);
  const next = await openBlobfsDriver({ stateDirectory });
  t.teardown(() => next.shutDown());
  t.match(await next.restore([request]), { mounts: [{ origin: 'adopted' }], failures: [] });
  await next.unmount('m');
});

t.test('the record of a session stays when one before it ends', async (t) => {
  if (!requireMounts(t)) return;
  const { stateDirectory } = new DriverFixture(t);
  const options = {
    ...{ stateDirectory, holderKind: undefined, fdStore: undefined, report: () => undefined },
    session: { onMiss: () => Promise.resolve(undefined), errnoOf: () => 5 },
  };
  const first = await BlobfsSession.open(options);
  const second = await BlobfsSession.open(options);
  const record = readSessionState(stateDirectory);
  await first.end();
  t.same(readSessionState(stateDirectory), record);
  await second.end();
  t.equal(readSessionState(stateDirectory), undefined);
});

t.test('one mount that cannot be restored does not keep the others away', async (t) => {
  if (!requireMounts(t)) return;
  const fixture = new DriverFixture(t);
  const { stateDirectory } = fixture;
  const good = fixture.request('good', [fixture.blob(5, 4)]);
  const bad = { ...fixture.request('bad', [fixture.blob(6, 4)]), metadataFile: '/absent' };
  const driver = await openBlobfsDriver({ stateDirectory });
  t.teardown(() => driver.shutDown());
  const { mounts, failures } = await driver.restore([bad, good]);
  t.match(mounts, [{ mountId: 'good', origin: 'remounted' }]);
  t.match(failures, [{ mountId: 'bad', error: { code: 'ERR_LINUX_MOUNT_FAILED' } }]);
  await driver.unmount('good');
});

t.test('after the kernel ended a session, the next mount gets a new one', async (t) => {
  if (!requireMounts(t)) return;
  const fixture = new DriverFixture(t);
  const events: DriverEvent[] = [];
  const driver = await openBlobfsDriver({
    stateDirectory: fixture.stateDirectory,
    onEvent: (event) => events.push(event),
  });
  t.teardown(() => driver.shutDown());
  const [first, second] = [fixture.blob(8, 4), fixture.blob(9, 4)];
  const broken = fixture.request('broken', [first]);
  await driver.mount(broken);
  fixture.abortSession();
  await until('the driver knows', () => events.some(({ message }) => /ended/.test(message)));
  await t.rejects(readFile(join(broken.mountpoint, 'file-0')), { code: 'EIO' });
  const next = fixture.request('next', [first, second]);
  await driver.mount(next);
  t.ok((await readFile(join(next.mountpoint, 'file-0'))).equals(blobBytes(8, 0, 4 * 4096)));
  await driver.unmount('broken');
  await driver.unmount('next');
  t.same(fixture.mounts(), []);
});
