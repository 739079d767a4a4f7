/** Overlays over an image are seen, whichever way they were mounted. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { listMounts, mountOverlay, parseMountInfo, unmount } from '@shoal/linux';
import { requireMounts, runChecked, temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { overlaysOver, refuseOverlaid } from '../src/mounts/lower-users.ts';

const line = (options: string) =>
  parseMountInfo(`30 25 0:40 / /run/c/rootfs rw shared:1 - overlay overlay rw,${options}\n`);

t.test('what the kernel lists', async (t) => {
  const found = ['/run/c/rootfs'];
  t.same(overlaysOver('/r/lazy/a', line('lowerdir=/r/lazy/a,upperdir=/u')), found);
  t.same(overlaysOver('/r/lazy/a', line('lowerdir=/x:/r/lazy/a,upperdir=/u')), found);
  t.same(overlaysOver('/r/lazy/a', line('lowerdir+=/x,lowerdir+=/r/lazy/a')), found);
  t.same(overlaysOver('/r/lazy/a', line('lowerdir=/r/lazy/ab,upperdir=/r/lazy/a')), []);
});

for (const how of ['fsmount', 'mount'] as const) {
  t.test(`an overlay by ${how}`, async (t) => {
    if (!requireMounts(t)) return;
    const directory = temporaryDirectory(t);
    const place = (name: string) => {
      mkdirSync(join(directory, name));
      return join(directory, name);
    };
    const [lower, upper, work, mountpoint] = ['l', 'u', 'w', 'm'].map(place);
    if (!lower || !upper || !work || !mountpoint) throw new Error('four directories');
    refuseOverlaid(lower);
    const options = `lowerdir=${lower},upperdir=${upper},workdir=${work}`;
    if (how === 'fsmount') mountOverlay({ lower: [lower], upper, work, mountpoint });
    else await runChecked('mount', ['-t', 'overlay', '-o', options, 'overlay', mountpoint]);
    t.teardown(() => unmount(mountpoint, { lazy: true }));
    t.same(overlaysOver(lower, listMounts()), [mountpoint]);
    t.throws(() => refuseOverlaid(lower), { code: 'ERR_LINUX_MOUNT_FAILED', message: /busy/ });
  });
}
