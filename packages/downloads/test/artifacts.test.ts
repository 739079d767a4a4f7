/** Files of an artifact: whole, continued, refused, and nothing wrong under a name. */
import { existsSync, linkSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { sha256Digest } from '@shoal/oci';
import { isBlobRead, noise } from '@shoal/test-kit';
import t from 'tap';
import { GetWorld } from './support/get-world.ts';

const BIG = noise(9_000_000, 'big');
const SMALL = Buffer.from('a small file\n');

t.test('all files of an artifact, and one of them', async (t) => {
  const world = await GetWorld.open(t);
  const reference = await world.push('model', [
    { title: 'weights/part-1.bin', content: BIG },
    { title: 'README.md', content: SMALL },
    { title: 'nothing', content: Buffer.alloc(0) },
  ]);
  const files = await world.get(reference, 'all/');
  t.same(
    files.map(({ outcome, digest }) => [outcome, digest]),
    [BIG, SMALL, Buffer.alloc(0)].map((bytes) => ['fetched', sha256Digest(bytes)]),
  );
  t.equal(files[0]?.sources.origin, BIG.length);
  t.ok(world.read('all/weights/part-1.bin').equals(BIG));
  t.same(world.names('all'), ['README.md', 'nothing', 'weights'], 'nothing else is left');
  t.same(world.names('all/weights'), ['part-1.bin']);
  const again = await world.get(reference, 'all/');
  t.same([...new Set(again.map(({ outcome }) => outcome))], ['present']);
  await world.get(`${reference}:README.md`, 'one');
  t.ok(world.read('one').equals(SMALL));
  await world.get(`${reference}:weights/part-1.bin`, './');
  t.ok(world.read('part-1.bin').equals(BIG), 'by its own name in a directory');
  await t.rejects(world.get(`${reference}:missing`, 'x'), {
    code: 'ERR_DOWNLOADS_SUBJECT',
    remedy: /weights\/part-1.bin, README.md/,
  });
});

t.test('what was interrupted is continued', async (t) => {
  const world = await GetWorld.open(t);
  const reference = await world.push('model', [{ title: 'big', content: BIG }]);
  const afterBytes = 5_000_000;
  world.proxy.inject({ fault: { kind: 'truncate', afterBytes }, matches: isBlobRead });
  await t.rejects(world.get(reference, 'to/'));
  t.same(world.names('to'), ['big.shoal-journal', 'big.shoal-partial'], 'no name yet');
  const had = world.read('to/big.shoal-partial').length;
  t.ok(had > 0 && had <= afterBytes, `${had} bytes were had`);
  world.proxy.heal();
  world.proxy.seen.length = 0;
  const [file] = await world.get(reference, 'to/');
  t.equal(file?.resumedBytes, had);
  t.equal(file?.sources.origin, BIG.length - had, 'only the rest was fetched');
  t.match(
    world.proxy.seen.find(({ url }) => url.includes('/blobs/')),
    { range: `bytes=${had}-${BIG.length - 1}` },
  );
  t.ok(world.read('to/big').equals(BIG));
  t.same(world.names('to'), ['big']);
});

t.test('an abort keeps what was had', async (t) => {
  const world = await GetWorld.open(t);
  const reference = await world.push('model', [{ title: 'big', content: BIG }]);
  const stop = new AbortController();
  const onBytes = (bytes: number) => bytes > 0 && stop.abort();
  await t.rejects(world.get(reference, 'to/', { signal: stop.signal, onBytes }));
  t.same(world.names('to'), ['big.shoal-journal', 'big.shoal-partial']);
  const [file] = await world.get(reference, 'to/');
  t.ok((file?.resumedBytes ?? 0) > 0);
  t.ok(world.read('to/big').equals(BIG));
});

t.test('a registry that lies leaves nothing under the name', async (t) => {
  const world = await GetWorld.open(t);
  const reference = await world.push('model', [{ title: 'big', content: BIG }]);
  world.proxy.inject({ fault: { kind: 'corrupt', atByte: 77 }, matches: isBlobRead });
  await t.rejects(world.get(reference, 'to/'), { code: 'ERR_DOWNLOADS_WRONG_DIGEST' });
  t.same(world.names('to'), []);
  world.proxy.heal();
  world.proxy.inject({ fault: { kind: 'shorten', bytes: 100 }, matches: isBlobRead });
  await t.rejects(world.get(reference, 'to/'));
  t.notOk(existsSync(world.path('to/big')));
});

t.test('what an earlier get left may be wrong: it starts again', async (t) => {
  const world = await GetWorld.open(t);
  const reference = await world.push('model', [{ title: 'big', content: BIG }]);
  world.proxy.inject({ fault: { kind: 'truncate', afterBytes: 3_000_000 }, matches: isBlobRead });
  await t.rejects(world.get(reference, 'to/'));
  world.proxy.heal();
  const partial = world.path('to/big.shoal-partial');
  const bytes = readFileSync(partial);
  bytes[1000] = (bytes[1000] ?? 0) ^ 1;
  writeFileSync(partial, bytes);
  await world.get(reference, 'to/');
  t.ok(world.read('to/big').equals(BIG), 'a byte that a disk has changed');
  for (const journal of ['', '{', '{"version":1}', 'x'.repeat(100_000)]) {
    writeFileSync(world.path('to/other.shoal-partial'), 'rubbish');
    writeFileSync(world.path('to/other.shoal-journal'), journal);
    const [file] = await world.get(`${reference}:big`, 'to/other', { replaces: true });
    t.equal(file?.resumedBytes, 0, 'a journal that says nothing');
    t.ok(world.read('to/other').equals(BIG));
  }
});

t.test('what is there already', async (t) => {
  const world = await GetWorld.open(t);
  const reference = await world.push('model', [{ title: 'file', content: SMALL }]);
  const one = `${reference}:file`;
  writeFileSync(world.path('other'), 'something else');
  await t.rejects(world.get(one, 'other'), { code: 'ERR_DOWNLOADS_FILE_THERE' });
  writeFileSync(world.path('same-size'), Buffer.alloc(SMALL.length));
  await t.rejects(world.get(one, 'same-size'), { code: 'ERR_DOWNLOADS_FILE_THERE' });
  t.ok(world.read('same-size').equals(Buffer.alloc(SMALL.length)), 'it is as it was');
  await world.get(one, 'same-size', { replaces: true });
  t.ok(world.read('same-size').equals(SMALL));
  symlinkSync(world.path('other'), world.path('link'));
  await t.rejects(world.get(one, 'link'), { code: 'ERR_DOWNLOADS_FILE_THERE' });
  await world.get(one, 'link', { replaces: true });
  t.equal(world.read('other').toString(), 'something else', 'the link was replaced, not followed');
  mkdirSync(world.path('directory'));
  await world.get(one, 'directory');
  t.ok(world.read('directory/file').equals(SMALL), 'a directory takes it by its own name');
});

t.test('a crash between the name and the end leaves the file as it is', async (t) => {
  const world = await GetWorld.open(t);
  const reference = await world.push('model', [{ title: 'file', content: SMALL }]);
  const one = `${reference}:file`;
  await world.get(one, 'file');
  const crash = () => {
    linkSync(world.path('file'), world.path('file.shoal-partial'));
    writeFileSync(world.path('file.shoal-journal'), '{}');
  };
  crash();
  t.match(await world.get(one, 'file'), [{ outcome: 'present' }]);
  t.same(world.names(), ['file'], 'what was left has gone');
  crash();
  linkSync(world.path('file'), world.path('kept'));
  await world.get(one, 'file', { replaces: true });
  t.ok(world.read('kept').equals(SMALL), 'another name of it was not written to');
  t.same(world.names(), ['file', 'kept']);
});

t.test('two at a time: one of them fetches', async (t) => {
  const world = await GetWorld.open(t);
  const reference = await world.push('model', [{ title: 'big', content: BIG }]);
  const started = Promise.withResolvers<void>();
  const first = world.get(reference, 'to/', { onBytes: () => started.resolve() });
  await started.promise;
  await t.rejects(world.get(reference, 'to/'), { code: 'ERR_DOWNLOADS_BUSY' });
  await first;
  t.ok(world.read('to/big').equals(BIG));
  // As a loss of power, or a container that was killed, leaves it.
  writeFileSync(world.path('to/big.shoal-claim'), '');
  await world.get(reference, 'to/');
  t.same(world.names('to'), ['big']);
});
