/**
 * Ordinary layers unpacked as overlayfs wants them: whiteouts, owners, attributes, whatever way they
 * are compressed, and nothing outside the directory.
 */
import { lstatSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { readXattrs } from '@shoal/linux';
import { requireRoot, type TarSpec, temporaryDirectory, writeTar } from '@shoal/test-kit';
import t from 'tap';
import { compressionOf, unpackLayer } from '../src/images/layer-unpack.ts';

const { signal } = new AbortController();
type Tap = Parameters<typeof temporaryDirectory>[0];

type Compression = Parameters<typeof unpackLayer>[1];

function directoryIn(t: Tap) {
  const outside = temporaryDirectory(t);
  const directory = join(outside, 'fs');
  mkdirSync(directory);
  return { directory, outside };
}

function unpackInto(directory: string, bytes: Buffer, compression: Compression): Promise<void> {
  return unpackLayer(Readable.from([bytes]), compression, directory, signal);
}

async function unpack(t: Tap, bytes: Buffer, compression: Compression) {
  const made = directoryIn(t);
  await unpackInto(made.directory, bytes, compression);
  return made;
}

const ENTRIES: TarSpec[] = [
  { name: 'a/', type: 'directory', mode: 0o751, uid: 10, gid: 20, mtime: 1_500_000_000 },
  { name: 'a/.wh.gone', content: '' },
  { name: 'a/su', content: 'x', mode: 0o4755, xattrs: { 'user.n': 'v' } },
  { name: 'o/', type: 'directory' },
  { name: 'o/.wh..wh..opq', content: '' },
  { name: 'o/new', content: 'new' },
];

for (const [mediaType, compress] of [
  ['application/vnd.oci.image.layer.v1.tar', (tar: Buffer) => tar],
  ['application/vnd.oci.image.layer.v1.tar+gzip', (tar: Buffer) => gzipSync(tar)],
  ['application/vnd.docker.image.rootfs.diff.tar.gzip', (tar: Buffer) => gzipSync(tar)],
  ['application/vnd.oci.image.layer.v1.tar+zstd', (tar: Buffer) => zstdCompressSync(tar)],
] as const) {
  t.test(mediaType, async (t) => {
    if (!requireRoot(t)) return;
    const bytes = compress(writeTar(ENTRIES));
    const { directory } = await unpack(t, bytes, compressionOf(mediaType));
    const a = lstatSync(join(directory, 'a'));
    t.match({ ...a, mode: a.mode & 0o7777 }, { mode: 0o751, uid: 10, gid: 20 });
    t.equal(a.mtimeMs, 1_500_000_000_000, 'a whiteout does not change its directory');
    const gone = lstatSync(join(directory, 'a/gone'));
    t.ok(gone.isCharacterDevice());
    t.equal(gone.rdev, 0);
    t.equal(lstatSync(join(directory, 'a/su')).mode & 0o7777, 0o4755);
    t.same(readdirSync(join(directory, 'o')), ['new']);
    const xattrs = readXattrs(Buffer.from(join(directory, 'o')));
    t.same(
      xattrs.map(({ name, value }) => `${name}=${value}`),
      ['trusted.overlay.opaque=y'],
    );
    const [own] = readXattrs(Buffer.from(join(directory, 'a/su')));
    t.equal(`${own?.name}=${own?.value}`, 'user.n=v');
  });
}

t.test('nothing gets out of the directory', async (t) => {
  if (!requireRoot(t)) return;
  const absent = { code: 'ERR_SNAPSHOTTER_LAYER_ABSENT' };
  const above = directoryIn(t);
  const tar = writeTar([{ name: '../above', content: 'x' }]);
  await t.rejects(unpackInto(above.directory, tar, 'none'), absent);
  t.same(readdirSync(above.outside), ['fs']);

  const through = directoryIn(t);
  const linked = writeTar([
    { name: 'link', type: 'symlink', link: '..' },
    { name: 'link/planted', content: 'x' },
  ]);
  await t.rejects(unpackInto(through.directory, linked, 'none'), absent);
  t.same(readdirSync(through.outside), ['fs']);
});

t.test('a whiteout cannot hide the directory above', async (t) => {
  if (!requireRoot(t)) return;
  const tar = writeTar([
    { name: 'd/', type: 'directory' },
    { name: 'd/.wh..', content: '' },
    { name: 'd/.wh...', content: '' },
    { name: 'keep', content: 'kept' },
  ]);
  const { directory, outside } = await unpack(t, tar, 'none');
  t.same(readdirSync(outside), ['fs']);
  t.equal(readFileSync(join(directory, 'keep'), 'utf8'), 'kept');
  t.same(readdirSync(join(directory, 'd')), []);
});

t.test('a damaged layer is an error', async (t) => {
  if (!requireRoot(t)) return;
  const bytes = gzipSync(writeTar(ENTRIES));
  await t.rejects(unpack(t, bytes.subarray(0, bytes.length / 2), 'gzip'), {
    code: /^(Z_BUF_ERROR|ERR_SNAPSHOTTER_LAYER_ABSENT)$/,
  });
});
