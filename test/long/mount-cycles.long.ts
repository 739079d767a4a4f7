/**
 * Five hundred mounts and unmounts through one daemon: no mount, descriptor or thread stays behind,
 * memory does not grow with the number of cycles, and the last reader gets right bytes.
 */
import { join } from 'node:path';
import { requireMounts } from '@shoal/test-kit';
import t from 'tap';
import { formatFootprint, leftBehind, quietFootprint } from '../support/footprint.ts';
import {
  convertDirectory,
  digestBySha256sum,
  digestOfFile,
  type MountWorld,
  mountWorld,
  writeFiles,
} from '../support/mounted-image.ts';
import { mountsBelow } from '../support/own-daemon.ts';

const WARM_UP_CYCLES = 50;
const CYCLES = 500;
const FILES = ['one', 'two', 'three'];
/** What a garbage-collected process may have grown by when nothing leaks; a leak of a mount's ready
 * maps and chunk columns would be several times this. */
const GROWTH_BYTES_MAX = 64 << 20;

t.setTimeout(900_000);

t.test('five hundred mounts leave nothing behind', async (t) => {
  if (!requireMounts(t)) return;
  const world = mountWorld(t);
  const source = join(world.directory, 'source');
  writeFiles(source, Object.fromEntries(FILES.map((name) => [name, 300_000])));
  const reference = `oci:${join(world.directory, 'image')}:latest`;
  await convertDirectory(source, reference);
  const { pid } = await (await world.start()).ping();
  await cycle(world, reference, source, WARM_UP_CYCLES);
  const before = await quietFootprint(pid);
  await cycle(world, reference, source, CYCLES);
  const after = await quietFootprint(pid);
  t.comment(`before: ${formatFootprint(before)}; after: ${formatFootprint(after)}`);
  t.same(leftBehind(before, after), {}, 'descriptors and threads');
  t.ok(after.residentBytes <= before.residentBytes + GROWTH_BYTES_MAX, 'memory');
  t.same(mountsBelow(world.directory), []);
  t.same((await world.status()).mounts, []);
});

/** Mounts, reads one file every tenth time, unmounts. */
async function cycle(world: MountWorld, reference: string, source: string, count: number) {
  const mountpoint = world.mountpoint('cycled');
  for (let number = 0; number < count; number++) {
    await world.mount({ reference, mountpoint });
    const name = FILES[number % FILES.length] ?? 'one';
    if (number % 10 === 0) {
      const found = await digestBySha256sum(join(mountpoint, name));
      if (found !== digestOfFile(join(source, name))) throw new Error(`wrong bytes of ${name}`);
    }
    await world.client.unmount({ mountpoint });
  }
}
