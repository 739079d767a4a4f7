/** Several writers and several images at one local place, one after the other and at once. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { noiseBytes, temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { writeImage } from './support/image-target-suite.ts';

import { openSourceOf, openTargetOf } from './support/open-place.ts';

t.test('a failed second image leaves the first', async (t) => {
  const directory = temporaryDirectory(t);
  for (const kind of ['oci', 'oci-archive']) {
    const text = `${kind}:${directory}/${kind}:v1`;
    await using first = await openTargetOf(text);
    const { descriptor } = await writeImage(first, [noiseBytes(1000, 52)]);
    await first.close();
    const second = await openTargetOf(text);
    await writeImage(second, [noiseBytes(1000, 53)], { tag: false });
    await second.close();
    await using source = await openSourceOf(text);
    t.equal((await source.resolve()).digest, descriptor.digest);
  }
  t.same(readdirSync(directory).sort(), ['oci', 'oci-archive']);
});

t.test('tags of a layout', async (t) => {
  const layout = join(temporaryDirectory(t), 'layout');
  const write = async (tag: string, seed: number) => {
    await using target = await openTargetOf(`oci:${layout}:${tag}`);
    return (await writeImage(target, [noiseBytes(100, seed)])).descriptor.digest;
  };
  const read = async (suffix: string) => {
    await using source = await openSourceOf(`oci:${layout}${suffix}`);
    return (await source.resolve()).digest;
  };
  const [one, two] = [await write('one', 61), await write('two', 62)];
  t.equal(await read(':one'), one);
  t.equal(await read(':two'), two);
  await t.rejects(read(''), { code: 'ERR_REGISTRY_CLIENT_AMBIGUOUS', remedy: /"one", "two"/ });
  await t.rejects(read(':three'), {
    code: 'ERR_REGISTRY_CLIENT_NOT_FOUND',
    remedy: /"one", "two"/,
  });
  const latest = await write('latest', 63);
  t.equal(await read(''), latest);
  const newer = await write('one', 64);
  t.equal(await read(':one'), newer);
  t.equal(await read(':two'), two);
  const many = await Promise.all(
    Array.from({ length: 8 }, (_, index) => write(`t${index}`, 70 + index)),
  );
  for (const [index, digest] of many.entries()) t.equal(await read(`:t${index}`), digest);
  t.notOk(readdirSync(layout).some((name) => name.startsWith('.shoal')));
});

t.test('two processes that tag in one layout at once lose no tag', async (t) => {
  const directory = temporaryDirectory(t);
  const place = `oci:${directory}/layout`;
  const first = await openTargetOf(`${place}:first`);
  await writeImage(first, [noiseBytes(100, 1)]);
  await first.close();
  const program = `
import { parseReference } from '${import.meta.resolve('@shoal/oci')}';
import { openSource, openTarget } from '${import.meta.resolve('@shoal/registry-client')}';
const [name, place] = process.argv.slice(1);
const source = await openSource(parseReference(place + ':first'), {});
const descriptor = await source.resolve();
const bytes = await source.readManifest(descriptor);
const target = await openTarget(parseReference(place + ':' + name), {});
for (let at = 0; at < 30; at += 1) {
  await target.writeManifest(bytes, descriptor.mediaType, { tag: name + at });
}
await target.close();
`;
  // As a process that was killed in between leaves it.
  writeFileSync(join(directory, 'layout', '.shoal-lock'), '');
  const names = ['a', 'b'];
  const children = names.map((name) =>
    spawn(process.execPath, ['--input-type=module', '-e', program, name, place], {
      stdio: ['ignore', 'inherit', 'inherit'],
    }),
  );
  const ends = await Promise.all(children.map((child) => once(child, 'exit')));
  t.same(ends, [
    [0, null],
    [0, null],
  ]);
  const index = readFileSync(join(directory, 'layout', 'index.json'), 'utf8');
  for (const name of names) {
    for (let at = 0; at < 30; at += 1) t.match(index, `"${name}${at}"`);
  }
  t.same(readdirSync(join(directory, 'layout')).sort(), ['blobs', 'index.json', 'oci-layout']);
});

t.test('what a killed writer left is removed, what a living one makes is not', async (t) => {
  const directory = temporaryDirectory(t);
  const script = `
    const { openTarget } = await import('@shoal/registry-client');
    const { parseReference } = await import('@shoal/oci');
    const target = await openTarget(parseReference(process.argv[1]), {});
    await (await target.openBlobWriter()).write(Buffer.from('some'));
    process.kill(process.pid, 'SIGKILL');`;
  const flags = ['--input-type=module', '-e', script];
  mkdirSync(join(directory, 'layout'));
  for (const [place, text] of [
    [join(directory, 'layout'), `oci:${directory}/layout:v1`],
    [directory, `oci-archive:${directory}/archive.tar`],
  ] as const) {
    const staging = () => readdirSync(place).filter((name) => name.includes('.shoal-'));
    spawnSync(process.execPath, [...flags, text]);
    t.equal(staging().length, 1, 'left behind');
    await using living = await openTargetOf(text);
    await living.openBlobWriter();
    t.equal(staging().length, 1, 'removed by the next writer');
    const second = await openTargetOf(text);
    await writeImage(second, [noiseBytes(1000, 55)]);
    t.equal(staging().length, 2, 'both are at work');
    await second.close();
    t.equal(staging().length, 1);
    await living.close();
    t.same(staging(), []);
  }
});
