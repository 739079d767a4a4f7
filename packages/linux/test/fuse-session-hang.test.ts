/** A thread of a session hangs in a read of its device file while the session is closed. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { requireMounts, until } from '@shoal/test-kit';
import t from 'tap';
import { readyMapBytes } from '../src/fuse/ready-map.ts';
import { openFlatFuseSession } from '../src/fuse/session.ts';
import { FIRST_FILE_ID, openFixture } from './support/session-fixture.ts';

t.setTimeout(120_000);

const SIZE_BYTES = 1 << 20;

function isFuse(fd: number): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`) === '/dev/fuse';
  } catch {
    return false;
  }
}

t.test('its descriptors are closed when it has ended, not before', async (t) => {
  if (!requireMounts(t)) return;
  const disk = await openFixture(t, [{ content: 3, sizeBytes: SIZE_BYTES }]);
  const answer = Promise.withResolvers<void>();
  t.teardown(() => answer.resolve());
  disk.onMiss = async (_fileId, offset, length) => {
    await answer.promise;
    disk.devices[0]?.fill(offset, length);
    return undefined;
  };
  const mountpoint = join(disk.directory, 'hangs');
  mkdirSync(mountpoint);
  const file = {
    ...{ fileId: 2, name: 'file', sizeBytes: SIZE_BYTES, path: disk.session.pathOf(FIRST_FILE_ID) },
    readyMap: new SharedArrayBuffer(readyMapBytes(SIZE_BYTES)),
  };
  new Uint8Array(file.readyMap).fill(0xff);
  const session = await openFlatFuseSession({
    ...{ mountpoint, files: [file], threads: 1 },
    onMiss: () => Promise.reject(new Error('everything is said to be here')),
    errnoOf: () => 5,
  });
  const argv = [`if=${session.pathOf(2)}`, 'of=/dev/null', 'bs=4096', 'count=1', 'iflag=direct'];
  const reader = spawn('dd', argv, { stdio: 'ignore' });
  const ended = once(reader, 'exit');
  await until('the thread reads', () => disk.misses.length > 0);
  const { fd } = session;
  await session.close();
  t.same(await ended, [1, null], 'the reader got an error');
  t.ok(isFuse(fd), 'the thread may still write to it');
  answer.resolve();
  await until('the thread has ended', () => !isFuse(fd));
});
