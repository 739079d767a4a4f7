/** Ends of a session: under load, twice, by a killed reader, by a process that just exits. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fstatSync, mkdirSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { requireMounts, until } from '@shoal/test-kit';
import t from 'tap';
import { RestartPolicy } from '../src/fuse/restart-policy.ts';
import { adoptFlatFuseSession } from '../src/fuse/session.ts';
import { startHolder, stopHolder } from '../src/holder/holder.ts';
import { adoptFromHolder } from '../src/holder/holder-fds.ts';
import { WORKER_FAILURES_PER_MINUTE_MAX } from '../src/limits.ts';
import { FileSystemContext, unmount } from '../src/mount/mount.ts';
import { isMountpoint } from '../src/mount/mount-table.ts';
import { moveMount } from '../src/syscalls-mount.ts';
import { patternBytes } from './support/fixtures.ts';
import { FIRST_FILE_ID, mountAbove, openFixture } from './support/session-fixture.ts';

const MIB = 1 << 20;

function isReading(pid: number | undefined, path: string): boolean {
  return readdirSync(`/proc/${pid}/fd`).some((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`) === path;
    } catch {
      return false; // Closed meanwhile.
    }
  });
}

t.setTimeout(120_000);

t.test('closing under load frees every reader with an error, and is idempotent', async (t) => {
  if (!requireMounts(t)) return;
  const fixture = await openFixture(t, [{ content: 1, sizeBytes: MIB }], { attached: true });
  const signals: AbortSignal[] = [];
  fixture.onMiss = (_fileId, _offset, _length, { signal }) => {
    signals.push(signal);
    return new Promise(() => undefined);
  };
  const path = fixture.session.pathOf(FIRST_FILE_ID);
  const children = Array.from({ length: 6 }, (_, index) =>
    spawn(
      'dd',
      [`if=${path}`, 'of=/dev/null', 'bs=4096', 'count=1', `skip=${index * 40}`, 'iflag=direct'],
      {
        stdio: 'ignore',
      },
    ),
  );
  const exits = children.map((child) => once(child, 'exit'));
  const isWaiting = () => fixture.session.stats().waiting === 6 && signals.length === 6;
  await until('six readers wait', isWaiting);
  await Promise.all([fixture.session.close(), fixture.session.close()]);
  for (const exit of exits) t.same(await exit, [1, null], 'the reader got an error');
  t.ok(signals.length === 6 && signals.every((signal) => signal.aborted), 'misses are aborted');
  t.notOk(isMountpoint(join(fixture.directory, 'fuse')));
  await fixture.session.close();
  await t.rejects(fixture.session.addFile({ ...fixture.devices[0]?.asFlatFile(5) } as never), {
    code: 'ERR_LINUX_FUSE_SESSION_CLOSED',
  });
});

t.test('a killed reader leaves at once, and the others get their bytes', async (t) => {
  if (!requireMounts(t)) return;
  const fixture = await openFixture(t, [{ content: 2, sizeBytes: MIB }]);
  const releases: (() => void)[] = [];
  fixture.onMiss = (fileId, offset, length) =>
    new Promise((resolve) => {
      releases.push(() => {
        fixture.devices[fileId - FIRST_FILE_ID]?.fill(offset, length);
        resolve(undefined);
      });
    });
  const path = join(mountAbove(fixture), 'file-0');
  const read = () =>
    spawn('dd', [`if=${path}`, 'of=/dev/null', 'bs=4096', 'count=1'], { stdio: 'ignore' });
  const [patient, doomed] = [read(), read()];
  const exits = [patient, doomed].map((child) => once(child, 'exit'));
  await until('somebody waits', () => fixture.session.stats().waiting > 0);
  await until('both read', () => [patient, doomed].every((child) => isReading(child.pid, path)));
  // dd prints its statistics on SIGUSR1 and goes on.
  patient.kill('SIGUSR1');
  doomed.kill('SIGKILL');
  t.same(await exits[1], [null, 'SIGKILL']);
  const served = setInterval(() => {
    for (const release of releases.splice(0)) release();
  }, 5);
  t.same(await exits[0], [0, null]);
  clearInterval(served);
});

t.test('removing a file frees its readers only', async (t) => {
  if (!requireMounts(t)) return;
  const fixture = await openFixture(t, [
    { content: 3, sizeBytes: 4096 },
    { content: 4, sizeBytes: 4096 },
  ]);
  const releases: (() => void)[] = [];
  fixture.onMiss = (fileId, offset, length) =>
    new Promise((resolve) => {
      releases.push(() => {
        fixture.devices[fileId - FIRST_FILE_ID]?.fill(offset, length);
        resolve(undefined);
      });
    });
  const reads = [0, 1].map((index) => readFile(fixture.session.pathOf(FIRST_FILE_ID + index)));
  const failure = reads[0]?.then(
    () => 'no error',
    (error: unknown) => error,
  );
  await until('both wait', () => releases.length === 2);
  await fixture.session.removeFile(FIRST_FILE_ID);
  t.match(await failure, { errno: -116 }, 'ESTALE');
  for (const release of releases) release();
  t.ok((await reads[1])?.equals(patternBytes(4, 0, 4096)));
});

t.test('a connection that the kernel ended is noticed, and never taken over', async (t) => {
  if (!requireMounts(t)) return;
  const { directory, session, events, misses } = await openFixture(t, [
    { content: 5, sizeBytes: 4096 },
  ]);
  const { fd, mountFd = -1, init } = session;
  const holder = await startHolder({ fd, mountFd }, `test-${process.pid}`);
  t.teardown(() => stopHolder(holder));
  const { dev } = fstatSync(mountFd);
  const minor = (dev & 0xff) | ((dev >> 12) & 0xfff00);
  const control = join(directory, 'fusectl');
  mkdirSync(control);
  const context = new FileSystemContext('fusectl', control);
  moveMount(context.mount(0), control);
  context.close();
  writeFileSync(join(control, String(minor), 'abort'), '1');
  await until('the session says so', () => events.some(({ kind }) => kind === 'disconnected'));
  await t.rejects(readFile(session.pathOf(FIRST_FILE_ID)), { code: 'ENOTCONN' });
  const taken = adoptFromHolder(holder);
  const mount = { fd: taken['mountFd'] ?? -1 };
  const onMiss = async () => undefined;
  const options = { fd: taken['fd'] ?? -1, mount, init, onMiss, errnoOf: () => 5 };
  await t.rejects(adoptFlatFuseSession(options), { code: 'ERR_LINUX_FUSE_SESSION_CLOSED' });
  t.same(misses, []);
});

t.test('a file is closed when its last user is, also unseen ones', async (t) => {
  if (!requireMounts(t)) return;
  const fixture = await openFixture(t, [
    { content: 6, sizeBytes: MIB },
    { content: 7, sizeBytes: MIB },
  ]);
  const { session, devices } = fixture;
  await session.untilClosed(99);
  await session.untilClosed(FIRST_FILE_ID);
  const mountpoint = mountAbove(fixture);
  const reader = await open(join(mountpoint, 'file-0'));
  unmount(mountpoint, { lazy: true });
  const closed: number[] = [];
  const all = [0, 1, 0].map((at) =>
    session.untilClosed(FIRST_FILE_ID + at).then(() => closed.push(at)),
  );
  // Somebody else comes and goes: that is not the end of the first.
  await readFile(session.pathOf(FIRST_FILE_ID));
  const { buffer } = await reader.read(Buffer.alloc(4096), 0, 4096, 4096);
  t.ok(buffer.equals(patternBytes(6, 4096, 4096)));
  t.same(closed, []);
  await reader.close();
  await Promise.all(all);
  await session.removeFile(FIRST_FILE_ID);
  const again = devices[0]?.asFlatFile(FIRST_FILE_ID);
  if (again !== undefined) await session.addFile(again);
  t.ok((await readFile(session.pathOf(FIRST_FILE_ID))).equals(patternBytes(6, 0, MIB)));
});

t.test('workers that fail again and again end no session: readers wait', async (t) => {
  if (!requireMounts(t)) return;
  const fixture = await openFixture(t, [{ content: 8, sizeBytes: MIB }]);
  const { session, devices, events } = fixture;
  const path = join(mountAbove(fixture), 'file-0');
  t.ok((await readFile(path)).equals(patternBytes(8, 0, MIB)));
  const [device] = devices;
  if (device === undefined) return;
  // A ready map that no worker can look at: each throws, and so does its successor.
  const poison = { byteLength: MIB, length: 2 ** 52 } as never;
  await session.addFile({ ...device.asFlatFile(66), name: 'poison', readyMap: poison });
  const failed = () => events.filter(({ kind }) => kind === 'worker-failed').length;
  await until('it is said', () => events.some(({ kind }) => kind === 'workers-keep-failing'));
  t.equal(failed(), WORKER_FAILURES_PER_MINUTE_MAX + 1, 'not sooner');
  await session.removeFile(66);
  t.ok((await readFile(session.pathOf(FIRST_FILE_ID))).equals(patternBytes(8, 0, MIB)));
  await until('all work again', () => session.stats().threads === 2);
  t.notOk(events.some(({ kind }) => kind === 'disconnected'));
});

t.test('failures far apart are replaced at once', async (t) => {
  const policy = new RestartPolicy();
  for (let minute = 0; minute < 20; minute += 1) {
    t.same(policy.failed(minute * 61_000), { pauseMs: 0, isTooMany: false });
  }
  const soon = Array.from({ length: 9 }, (_, at) => policy.failed(5_000_000 + at));
  t.same(
    soon.map(({ pauseMs }) => pauseMs),
    [0, 50, 100, 200, 400, 800, 1600, 3200, 5000],
  );
  t.same(soon.map(({ isTooMany }) => isTooMany).indexOf(true), 8);
});

t.test('a process that exits with an open session does not hang', async (t) => {
  if (!requireMounts(t)) return;
  const script = join(import.meta.dirname, 'support', 'exit-with-session.ts');
  const child = spawn(process.execPath, [script], { stdio: 'inherit' });
  t.same(await once(child, 'exit'), [7, null]);
});
