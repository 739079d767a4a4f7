/** `shoal trace`: what a reader waited for, by file, in order; and back into a conversion. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EmbeddedRegistry } from '@shoal/registry-client/embedded';
import { noise, requireMounts } from '@shoal/test-kit';
import t from 'tap';
import {
  convertDirectory,
  digestBySha256sum,
  digestOfFile,
  mountWorld,
  readRange,
  writeFiles,
} from '../support/mounted-image.ts';
import { runShoal, tryShoal } from '../support/shoal-command.ts';

type Read = {
  readonly waitMs: number;
  readonly source: string;
  readonly length: number;
  readonly files: readonly { readonly path: string; readonly offset: number }[];
};

type Status = {
  readonly mounts: readonly { readonly mountpoint: string; readonly bytesPresent: number }[];
};

t.test('first reads in their order, and back as prefetch patterns', async (t) => {
  if (!requireMounts(t)) return;
  const world = mountWorld(t);
  const registry = await EmbeddedRegistry.listen();
  t.teardown(() => registry.close());
  const source = join(world.directory, 'source');
  writeFiles(source, {
    ...{ 'z-first': 90_000, 'lib/big': 4_000_000, 'lib/huge': 9_000_000 },
    ...{ 'a-last': 5_000, unread: 200_000 },
  });
  writeFileSync(join(source, 'two\nlines'), noise(3000, 'lines'));
  const reference = `${registry.host}/image:latest`;
  await convertDirectory(source, reference, 0x10000);
  const mountpoint = world.mountpoint('m');
  await world.mount({ reference, mountpoint });
  const { env } = world.daemon;
  t.match((await runShoal(['trace', mountpoint], { env })).stdout, /nobody has waited/);

  t.equal(
    await digestBySha256sum(join(mountpoint, 'z-first')),
    digestOfFile(join(source, 'z-first')),
  );
  await readRange(join(mountpoint, 'two\nlines'), 0, 3000);
  await readRange(join(mountpoint, 'lib/big'), 2_000_000, 4096);
  await readRange(join(mountpoint, 'lib/huge'), 5_000_000, 4096);
  t.equal(
    await digestBySha256sum(join(mountpoint, 'a-last')),
    digestOfFile(join(source, 'a-last')),
  );

  const { stdout } = await runShoal(['trace', '--json', reference], { env });
  const [mount]: { mountpoint: string; reads: Read[]; dropped: number }[] = JSON.parse(stdout);
  t.match(mount, { mountpoint, reference, dropped: 0 });
  const reads = mount?.reads ?? [];
  t.ok(reads.every(({ waitMs, length }) => waitMs > 0 && length > 0));
  t.equal(reads[0]?.source, 'registry');
  const order = [...new Set(reads.flatMap(({ files }) => files.map(({ path }) => path)))];
  t.same(order, ['/z-first', '/two\\nlines', '/lib/big', '/lib/huge', '/a-last']);
  const big = reads.flatMap(({ files }) => files).find(({ path }) => path === '/lib/big');
  t.ok((big?.offset ?? 0) > 1_500_000 && (big?.offset ?? 0) <= 2_000_000, String(big?.offset));
  const text = (await runShoal(['trace', mountpoint], { env })).stdout;
  t.match(text, /\+0\.000 s +[\d.]+ ms +registry +[\d.]+ KiB +\/z-first at 0/);

  const patterns = (await runShoal(['trace', mountpoint, '--prefetch-patterns'], { env })).stdout;
  const [, offset = 0, length = 0] =
    /^\/z-first\n\/lib\/big\n\/lib\/huge\t(\d+)\t(\d+)\n\/a-last\n$/.exec(patterns)?.map(Number) ??
    [];
  t.ok(offset <= 5_000_000 && offset + length >= 5_004_096, patterns);
  const file = join(world.directory, 'patterns');
  writeFileSync(file, patterns);
  const layout = `oci:${join(world.directory, 'layout')}:image`;
  await runShoal([
    'convert',
    '--prefetch-patterns',
    file,
    '--source',
    `dir:${source}`,
    '--target',
    layout,
  ]);
  const dumped = (await runShoal(['dump', '--json', layout, 'prefetch'])).stdout;
  const listed: { path: string }[] = JSON.parse(dumped);
  t.same(
    listed.map(({ path }) => path),
    ['/z-first', '/lib/big', '/a-last'],
  );

  await t.test('an image with a list is fetched ahead, nothing else of it', async (t) => {
    const listed = `${registry.host}/image:listed`;
    const from = ['--source', `dir:${source}`, '--chunk-size', '64k'];
    await runShoal(['convert', '--prefetch-patterns', file, ...from, '--target', listed]);
    const other = world.mountpoint('listed');
    const cache = join(world.directory, 'other-cache');
    await runShoal(['mount', '--cache', cache, listed, other], { env });
    const chunk = 64 << 10;
    const partOfHuge = (Math.ceil((offset + length) / chunk) - Math.floor(offset / chunk)) * chunk;
    const whole = 90_000 + 4_000_000 + partOfHuge + 5_000;
    const present = async () => {
      const { stdout } = await runShoal(['status', '--json'], { env });
      const { mounts }: Status = JSON.parse(stdout);
      return mounts.find(({ mountpoint }) => mountpoint === other);
    };
    const giveUpAt = Date.now() + 60_000;
    while (((await present())?.bytesPresent ?? 0) < whole && Date.now() < giveUpAt) await sleep(50);
    for (const name of ['z-first', 'lib/big', 'a-last']) {
      t.equal(await digestBySha256sum(join(other, name)), digestOfFile(join(source, name)));
    }
    await readRange(join(other, 'lib/huge'), 5_000_000, 4096);
    t.match((await runShoal(['trace', other], { env })).stdout, /nobody has waited/);
    t.match(await present(), { bytesPresent: whole, blobs: [{ misses: { count: 0 } }] });
  });

  const nothing = await tryShoal(['trace', 'nobody/knows:it'], { env });
  t.equal(nothing.exitCode, 1);
  t.match(nothing.stderr, /no mounted image is called nobody\/knows:it/);
});
