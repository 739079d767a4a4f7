/** The blobfs driver: lazy reads, shared blobs, overlays, busy and lazy unmounts, succession. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, statSync } from 'node:fs';
import { open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { listMounts } from '@shoal/linux';
import { requireMounts, until } from '@shoal/test-kit';
import t from 'tap';
import { type DriverEvent, openBlobfsDriver } from '../src/driver/index.ts';
import { blobBytes } from './support/driver-blob.ts';
import { DriverFixture } from './support/driver-fixture.ts';

t.setTimeout(120_000);

t.test('mounts load on demand and share their blobs', async (t) => {
  if (!requireMounts(t)) return;
  const fixture = new DriverFixture(t);
  const { stateDirectory } = fixture;
  const [shared, own] = [fixture.blob(1, 100), fixture.blob(2, 10)];
  const driver = await openBlobfsDriver({ stateDirectory });
  t.teardown(() => driver.shutDown());
  t.same(await driver.restore([]), { mounts: [], failures: [] });
  t.equal(driver.stats(), undefined, 'no session before the first mount');
  const first = fixture.request('first', [shared, own]);
  const second = fixture.request('second', [shared], true);
  const mounted = await driver.mount(first);
  t.same(mounted, {
    mountId: 'first',
    driver: 'blobfs',
    mountpoint: first.mountpoint,
    directIo: true,
    origin: 'mounted',
  });
  await driver.mount(second);
  t.same(shared.asked, [], 'mounting fetches nothing');
  const options = listMounts().find((entry) => entry.mountpoint === first.mountpoint)?.options;
  t.match(options, ['ro', 'nosuid', 'nodev']);
  t.ok((await readFile(join(second.mountpoint, 'file-0'))).equals(blobBytes(1, 0, 409_600)));
  const asked = shared.asked.length;
  t.ok((await readFile(join(first.mountpoint, 'file-0'))).equals(blobBytes(1, 0, 409_600)));
  t.equal(shared.asked.length, asked, 'the other mount finds the bytes present');
  await writeFile(join(second.mountpoint, 'file-0'), 'changed');
  t.equal(await readFile(join(second.mountpoint, 'file-0'), 'utf8'), 'changed');
  t.same(
    fixture.mounts().sort(),
    [first.mountpoint, second.mountpoint].sort(),
    'two mounts, no more',
  );
  await driver.unmount('first');
  await driver.unmount('first');
  t.ok((await readFile(join(second.mountpoint, 'file-0'))).length > 0);
  t.equal(statSync(second.mountpoint).mode & 0o777, 0o755, "the image's root directory");
  chmodSync(second.mountpoint, 0o711);
  chownSync(second.mountpoint, 7, 8);
  await driver.unmount('second');
  await driver.mount(second);
  t.match(statSync(second.mountpoint), { mode: 0o40711, uid: 7, gid: 8 }, 'what was set stays');
  await driver.unmount('second');
  t.match(driver.stats(), { waiting: 0, failedReads: 0 });
  await driver.shutDown();
  await driver.shutDown();
  t.same(fixture.holders(), []);
  t.same(fixture.mounts(), []);
  await t.rejects(driver.mount(first), { code: 'ERR_SNAPSHOTTER_DRIVER_CLOSED' });
});

t.test('a lazy unmount lets its readers finish; a busy one names them', async (t) => {
  if (!requireMounts(t)) return;
  const fixture = new DriverFixture(t);
  const blob = fixture.blob(3, 600);
  const driver = await openBlobfsDriver({ stateDirectory: fixture.stateDirectory });
  t.teardown(() => driver.shutDown());
  const request = fixture.request('m', [blob]);
  await driver.mount(request);
  const file = await open(join(request.mountpoint, 'file-0'));
  await t.rejects(driver.unmount('m'), {
    code: 'ERR_LINUX_MOUNT_BUSY',
    message: new RegExp(`pid ${process.pid} `),
  });
  await driver.unmount('m', { lazy: true });
  let isUnread = false;
  void driver.whenUnread([blob]).then(() => {
    isUnread = true;
  });
  t.same(fixture.mounts(), []);
  const { buffer } = await file.read(Buffer.alloc(8192), 0, 8192, 500 * 4096);
  t.ok(buffer.equals(blobBytes(3, 500 * 4096, 8192)), 'still loads on demand');
  const again = fixture.request('again', [fixture.reopened(blob)]);
  await driver.mount(again);
  blob.fetch = () => Promise.reject(new Error('closed with its mount'));
  t.ok((await readFile(join(again.mountpoint, 'file-0'))).equals(blobBytes(3, 0, 600 * 4096)));
  const later = await file.read(Buffer.alloc(4096), 0, 4096, 4096);
  t.ok(later.buffer.equals(blobBytes(3, 4096, 4096)), 'the old mount reads through the new blob');
  await driver.unmount('again');
  blob.fetch = undefined;
  t.notOk(isUnread);
  await file.close();
  await until('nobody reads', () => isUnread);
  const stats = () => driver.stats() as { readonly files?: number } | undefined;
  await until('the file is let go', () => stats()?.files === 0);
  await driver.mount(request);
  t.ok((await readFile(join(request.mountpoint, 'file-0'))).equals(blobBytes(3, 0, 600 * 4096)));
  await driver.unmount('m');
});

t.test('a read that a killed reader left behind does not hold up the unmount', async (t) => {
  if (!requireMounts(t)) return;
  const fixture = new DriverFixture(t);
  const [blob, other] = [fixture.blob(5, 16), fixture.blob(6, 16)];
  const driver = await openBlobfsDriver({ stateDirectory: fixture.stateDirectory });
  t.teardown(() => driver.shutDown());
  const [request, second] = [fixture.request('m', [blob, other]), fixture.request('n', [other])];
  await driver.mount(request);
  await driver.mount(second);
  // Not even told that nobody waits any more: the unmount must not depend on it.
  blob.fetch = () => new Promise(() => undefined);
  const reader = spawn('cat', [join(request.mountpoint, 'file-0')], { stdio: 'ignore' });
  await until('the reader waits', () => (driver.stats()?.waiting ?? 0) > 0);
  const exited = once(reader, 'exit');
  reader.kill('SIGKILL');
  await exited;
  await driver.unmount('m');
  await until('nothing waits', () => driver.stats()?.waiting === 0);
  t.same(fixture.mounts(), [second.mountpoint]);
  t.ok((await readFile(join(second.mountpoint, 'file-0'))).equals(blobBytes(6, 0, 16 * 4096)));
  await driver.unmount('n');
});

t.test('failures reach the reader as EIO and the log as a sentence', async (t) => {
  if (!requireMounts(t)) return;
  const fixture = new DriverFixture(t);
  const blob = fixture.blob(4, 16);
  const events: DriverEvent[] = [];
  const driver = await openBlobfsDriver({
    stateDirectory: fixture.stateDirectory,
    onEvent: (event) => events.push(event),
  });
  t.teardown(() => driver.shutDown());
  const request = fixture.request('m', [blob]);
  await driver.mount(request);
  const path = join(request.mountpoint, 'file-0');
  blob.fetch = () => Promise.reject(new Error('registry says no'));
  await t.rejects(readFile(path), { code: 'EIO' });
  t.match(events[0], { level: 'warn', message: /a reader got an error for .* of blob 0+4/ });
  blob.fetch = async (offset, length) => blobBytes(4, offset, length);
  t.ok((await readFile(path)).equals(blobBytes(4, 0, 16 * 4096)), 'bytes that could not be kept');
  await driver.unmount('m');
  for (const wrong of [
    { ...request, mountId: '../m' },
    { ...request, blobs: [Object.assign(Object.create(blob), { sizeBytes: 4097 })] },
    { ...request, blobs: [Object.assign(Object.create(blob), { servedAs: 'a/b' })] },
  ]) {
    await t.rejects(driver.mount(wrong), { code: 'ERR_SNAPSHOTTER_DRIVER_REQUEST' });
  }
  await t.rejects(driver.mount({ ...request, metadataFile: '/proc/version' }), {
    code: 'ERR_LINUX_MOUNT_FAILED',
  });
});
