/**
 * The cache is deleted below the daemon while mounts use it: readers notice nothing. New mounts work,
 * unless the lock went, too: those are refused in words until the next daemon has made a new one. It
 * fetches again what was lost.
 */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { EmbeddedRegistry } from '@shoal/registry-client/embedded';
import { requireMounts } from '@shoal/test-kit';
import t from 'tap';
import { killDaemon } from '../support/image-world.ts';
import {
  convertDirectory,
  digestBySha256sum,
  digestOfFile,
  mountWorld,
  writeFiles,
} from '../support/mounted-image.ts';

t.setTimeout(300_000);

/** Read from the last to the first: nothing is read ahead that way. */
const FILES = Object.fromEntries(
  Array.from({ length: 8 }, (_, at) => [`file-${at}`, 300_000] as const),
);

type Loss = { readonly lose: (cache: string) => void; readonly isRefusing?: boolean };

const LOSSES: Readonly<Record<string, Loss>> = {
  'the files of its blobs': {
    lose: (cache) => {
      const blobs = readdirSync(cache).filter((name) => name.includes('.blob.'));
      for (const name of blobs) rmSync(join(cache, name));
    },
  },
  'the directory': { lose: (cache) => rmSync(cache, { recursive: true }), isRefusing: true },
};

for (const [name, { lose, isRefusing = false }] of Object.entries(LOSSES)) {
  t.test(`${name} is deleted`, async (t) => {
    if (!requireMounts(t)) return;
    const world = mountWorld(t);
    const registry = await EmbeddedRegistry.listen();
    t.teardown(() => registry.close());
    const images = ['first', 'second'].map((image) => {
      const source = join(world.directory, image);
      writeFiles(source, FILES, image);
      const reference = `${registry.host}/${image}:latest`;
      return { source, reference, mountpoint: world.mountpoint(image) };
    });
    for (const { source, reference } of images) await convertDirectory(source, reference, 0x10000);
    const [first, second] = images;
    if (first === undefined || second === undefined) return;
    const check = async ({ source, mountpoint }: typeof first, file: string, when: string) => {
      const expected = digestOfFile(join(source, file));
      t.equal(await digestBySha256sum(join(mountpoint, file)), expected, `${file} ${when}`);
    };
    await world.mount({ reference: first.reference, mountpoint: first.mountpoint });
    await check(first, 'file-7', 'before');
    const cache = join(world.daemon.root, 'cache');
    lose(cache);
    await check(first, 'file-7', 'was here');
    await check(first, 'file-5', 'was not');
    const { reference, mountpoint } = second;
    const mounted = world.mount({ reference, mountpoint });
    if (isRefusing) await t.rejects(mounted, { message: /was deleted while in use/ });
    else await mounted;
    await killDaemon(world);
    await world.start();
    if (isRefusing) await world.mount({ reference, mountpoint });
    for (const file of ['file-7', 'file-5', 'file-1']) await check(first, file, 'after a restart');
    t.ok(existsSync(cache), 'the directory is there again');
    await check(second, 'file-2', 'of the other, after a restart');
    t.match(await world.status(), { mounts: { length: 2 }, problems: [] });
  });
}
