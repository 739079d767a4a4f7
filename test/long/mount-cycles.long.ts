/**
 * Ten thousand mounts and unmounts through one daemon: no mount, descriptor or thread stays behind,
 * memory does not grow with the number of cycles, and readers get right bytes to the last.
 *
 * SHOAL_MOUNT_CYCLES sets the number.
 */
import { join } from 'node:path';
import { requireMounts } from '@shoal/test-kit';
import t from 'tap';
import { formatFootprint, leftBehind, quietFootprint } from '../support/footprint.ts';
import { heapTeller } from '../support/heap-use.ts';
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
const CYCLES = Number(process.env['SHOAL_MOUNT_CYCLES'] ?? 10_000);
/** Mounted at the same time, each over and over, so that nothing of one stays for its next mount. */
const IMAGES = ['red', 'green', 'blue'];
const FILES = ['one', 'two', 'three'];
/** What is held may grow by so much, whatever the number of mounts. */
const GROWTH_BYTES_MAX = 4 << 20;

t.setTimeout(7_200_000);

t.test(`${CYCLES} mounts leave nothing behind`, async (t) => {
  if (!requireMounts(t)) return;
  const world = mountWorld(t);
  const images: CycledImage[] = [];
  for (const name of IMAGES) {
    const source = join(world.directory, 'source', name);
    writeFiles(source, Object.fromEntries(FILES.map((file) => [file, 300_000])), name);
    const reference = `oci:${join(world.directory, name)}:latest`;
    await convertDirectory(source, reference);
    images.push({ source, reference, mountpoint: world.mountpoint(name) });
  }
  const heap = heapTeller(t);
  Object.assign(process.env, heap.env);
  const { pid } = await (await world.start()).ping();
  await cycle(world, images, WARM_UP_CYCLES);
  const before = await quietFootprint(pid);
  const heldBefore = await heap.bytesHeld(pid);
  await cycle(world, images, CYCLES);
  const after = await quietFootprint(pid);
  const heldMax = heldBefore + GROWTH_BYTES_MAX;
  const heldAfter = await heap.bytesHeldAtMost(pid, heldMax);
  t.comment(`before: ${formatFootprint(before)}; after: ${formatFootprint(after)}`);
  t.comment(`heap and buffers: ${heldBefore} bytes before, ${heldAfter} after`);
  t.same(leftBehind(before, after), {}, 'descriptors and threads');
  t.ok(heldAfter <= heldMax, 'heap and buffers');
  t.same(mountsBelow(world.directory), []);
  t.same((await world.status()).mounts, []);
});

type CycledImage = {
  readonly source: string;
  readonly reference: string;
  readonly mountpoint: string;
};

/** Mounts, reads one file every tenth time, unmounts; so many times with all images together. */
async function cycle(world: MountWorld, images: readonly CycledImage[], count: number) {
  let begun = 0;
  const lane = async ({ source, reference, mountpoint }: CycledImage) => {
    while (begun < count) {
      const number = begun;
      begun += 1;
      await world.mount({ reference, mountpoint });
      if (number % 10 === 0) await compareFile(source, mountpoint, number / 10);
      await world.client.unmount({ mountpoint });
    }
  };
  await Promise.all(images.map(lane));
}

async function compareFile(source: string, mountpoint: string, number: number): Promise<void> {
  const name = FILES[number % FILES.length] ?? 'one';
  const found = await digestBySha256sum(join(mountpoint, name));
  if (found !== digestOfFile(join(source, name))) throw new Error(`wrong bytes of ${name}`);
}
