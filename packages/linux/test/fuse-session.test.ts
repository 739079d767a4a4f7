/** A flat session on a real mount: hits, misses, errors, and programs run from EROFS above it. */
import { execFile } from 'node:child_process';
import { readFileSync, truncateSync } from 'node:fs';
import { open, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findTool, requireMounts } from '@shoal/test-kit';
import t from 'tap';
import { WorkerHandle } from '../src/fuse/worker-handle.ts';
import { unmount } from '../src/mount/mount.ts';
import { signalEvent } from '../src/syscalls.ts';
import { patternBytes } from './support/fixtures.ts';
import { FIRST_FILE_ID, mountAbove, openFixture } from './support/session-fixture.ts';

const run = promisify(execFile);
const MIB = 1 << 20;

t.setTimeout(120_000);

t.test('lists, looks up, reads what is ready and what is not', async (t) => {
  if (!requireMounts(t)) return;
  const sizeBytes = 3 * MIB + 100;
  const fixture = await openFixture(t, [
    { content: 1, sizeBytes },
    { content: 2, sizeBytes: 0 },
  ]);
  const { session, devices, misses } = fixture;
  const root = session.pathOf(FIRST_FILE_ID).replace(/[^/]+$/, '');
  t.same((await readdir(root)).sort(), ['blob-10', 'blob-11']);
  t.match(await stat(session.pathOf(FIRST_FILE_ID)), {
    size: sizeBytes,
    ino: FIRST_FILE_ID,
    mode: 0o100400,
  });
  await t.rejects(stat(`${root}absent`), { code: 'ENOENT' });
  await t.rejects(writeFile(session.pathOf(FIRST_FILE_ID), 'x'), { code: 'EROFS' });
  devices[0]?.fill(0, MIB);
  const file = await open(session.pathOf(FIRST_FILE_ID));
  const { buffer } = await file.read(Buffer.alloc(5000), 0, 5000, 100);
  t.ok(buffer.equals(patternBytes(1, 100, 5000)));
  t.equal(misses.length, 0, 'ready blocks ask nobody');
  t.ok((await file.readFile()).equals(patternBytes(1, 0, sizeBytes)), 'whole file, with its tail');
  await file.close();
  t.ok(misses.length > 0);
  t.equal((await readFile(session.pathOf(FIRST_FILE_ID + 1))).length, 0);
  const stats = session.stats();
  t.equal(stats.readyReads + stats.missReads, stats.reads);
  t.match(stats, { failedReads: 0, waiting: 0, files: 2, threads: 2 });
  t.ok(stats.bytesRead >= sizeBytes);
  t.same(fixture.events, []);
});

t.test('programs run from EROFS above a session, also for other users', async (t) => {
  if (!requireMounts(t)) return;
  // EROFS refuses to read a device whose last block is short; RAFS devices are whole blocks.
  const bytes = readFileSync(findTool('sha256sum') ?? '/usr/bin/sha256sum');
  const program = Buffer.concat([bytes, Buffer.alloc(-bytes.length & 4095)]);
  const fixture = await openFixture(t, [
    { content: program, sizeBytes: program.length },
    { content: 3, sizeBytes: 2 * MIB },
  ]);
  fixture.onMiss = async (fileId, offset, length) => {
    await new Promise((resolve) => setImmediate(resolve));
    fixture.devices[fileId - FIRST_FILE_ID]?.fill(offset, length);
    return undefined;
  };
  const mountpoint = mountAbove(fixture);
  t.same(fixture.misses, [], 'mounting reads no device');
  const nobody = { uid: 65_534, gid: 65_534 };
  await run('/bin/chmod', ['755', fixture.directory]);
  // Through env: Node's spawn waits for exec in this thread, which serves the misses of that exec.
  const command = [join(mountpoint, 'file-0'), join(mountpoint, 'file-1')];
  const { stdout } = await run('/usr/bin/env', command, nobody);
  const expected = await run('sha256sum', [join(mountpoint, 'file-1')]);
  t.equal(stdout, expected.stdout);
  const data = await readFile(join(mountpoint, 'file-1'));
  t.ok(data.equals(patternBytes(3, 0, 2 * MIB)));
  t.ok(
    fixture.misses.some((miss) => miss.fileId === FIRST_FILE_ID),
    'the program came lazily',
  );
  unmount(mountpoint);
});

t.test('a failed miss is an error for its reader, and right bytes for the next', async (t) => {
  if (!requireMounts(t)) return;
  const fixture = await openFixture(t, [{ content: 4, sizeBytes: MIB }]);
  const fill = fixture.onMiss;
  const mountpoint = mountAbove(fixture);
  fixture.onMiss = () => Promise.reject(new Error('timeout'));
  await t.rejects(readFile(fixture.session.pathOf(FIRST_FILE_ID)), { code: 'ETIMEDOUT' });
  await t.rejects(readFile(join(mountpoint, 'file-0')), { code: 'EIO' });
  t.match(fixture.events[0], { kind: 'miss-failed', fileId: FIRST_FILE_ID, errno: 110 });
  fixture.onMiss = async () => undefined;
  await t.rejects(readFile(join(mountpoint, 'file-0')), { code: 'EIO' }, 'no zeros for a liar');
  t.ok(fixture.events.some((event) => event.kind === 'not-ready-after-miss'));
  fixture.onMiss = async (_, offset, length) => patternBytes(4, offset, length - 1);
  await t.rejects(readFile(join(mountpoint, 'file-0')), { code: 'EIO' }, 'bytes that do not fit');
  fixture.onMiss = async (_, offset, length) => patternBytes(4, offset, length);
  const passed = await readFile(fixture.session.pathOf(FIRST_FILE_ID));
  t.ok(passed.equals(patternBytes(4, 0, MIB)), 'a full disk: the bytes come with the answer');
  fixture.onMiss = fill;
  t.ok((await readFile(join(mountpoint, 'file-0'))).equals(patternBytes(4, 0, MIB)));
  t.ok((await readFile(fixture.session.pathOf(FIRST_FILE_ID))).equals(patternBytes(4, 0, MIB)));
  unmount(mountpoint);
});

t.test('whoever makes blocks ready may have their readers answered at once', async (t) => {
  if (!requireMounts(t)) return;
  const fixture = await openFixture(t, [{ content: 5, sizeBytes: MIB }]);
  const { session, devices } = fixture;
  const { promise: ended, resolve: end } = Promise.withResolvers<undefined>();
  fixture.onMiss = (_, offset, length, { readyEventFd }) => {
    devices[0]?.fill(offset, length);
    signalEvent(readyEventFd);
    return ended;
  };
  const bytes = await readFile(session.pathOf(FIRST_FILE_ID));
  t.ok(bytes.equals(patternBytes(5, 0, MIB)), 'no miss has ended yet');
  t.match(session.stats(), { waiting: 0, failedReads: 0 });
  end(undefined);
  t.same(fixture.events, []);
});

t.test('a device file that lost its bytes is an error, not zeros', async (t) => {
  if (!requireMounts(t)) return;
  const fixture = await openFixture(t, [{ content: 6, sizeBytes: MIB }]);
  const mountpoint = mountAbove(fixture);
  fixture.devices[0]?.fill(0, MIB);
  truncateSync(join(fixture.directory, 'device-0'), 4096);
  await t.rejects(readFile(join(mountpoint, 'file-0')), { code: 'EIO' });
  t.match(fixture.events[0], { kind: 'device-read-failed', fileId: FIRST_FILE_ID });
  unmount(mountpoint);
});

t.test('a worker that fails is reported, and nobody waits for its answers', async (t) => {
  let handle: WorkerHandle | undefined;
  const failure = await new Promise((resolve) => {
    handle = new WorkerHandle(-1, [], {
      message: () => undefined,
      failed: (_, error) => resolve(error),
    });
  });
  t.match(failure, { message: /reading a FUSE request failed with errno 9/ });
  await handle?.request((ticket) => ({ kind: 'remove', ticket, fileId: 5 }));
  await handle?.stop(true);
});

t.test('files come and go, and wrong ones are refused', async (t) => {
  if (!requireMounts(t)) return;
  const fixture = await openFixture(t, [{ content: 5, sizeBytes: 8192 }]);
  const { session, devices } = fixture;
  const [device] = devices;
  if (device === undefined) return;
  device.fill(0, 8192);
  const flat = device.asFlatFile(77);
  await session.addFile(flat);
  const path = session.pathOf(77);
  t.ok((await readFile(path)).equals(patternBytes(5, 0, 8192)));
  const file = await open(path);
  await session.removeFile(77);
  await session.removeFile(77);
  await t.rejects(stat(path), { code: 'ENOENT' });
  t.throws(() => session.pathOf(77), { code: 'ERR_LINUX_FLAT_FILE' });
  await file.close();
  for (const wrong of [
    { ...flat, fileId: FIRST_FILE_ID },
    { ...flat, fileId: 1 },
    { ...flat, name: 'a/b' },
    { ...flat, name: '..' },
    { ...flat, name: 'x'.repeat(256) },
    { ...flat, sizeBytes: 8193 },
    { ...flat, readyMap: new SharedArrayBuffer(0) },
  ]) {
    await t.rejects(session.addFile(wrong), { code: 'ERR_LINUX_FLAT_FILE' });
  }
});
