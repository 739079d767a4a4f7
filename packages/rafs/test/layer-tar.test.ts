/** The bootstrap layer: a tar that tar itself lists, and hostile ones. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeBootstrapLayerTar, encodeBootstrapLayerTar } from '@shoal/rafs';
import { runChecked, temporaryDirectory, writeTarEntry } from '@shoal/test-kit';
import t from 'tap';

const ID = 'c0ffee'.repeat(11).slice(0, 64);
const layer = {
  bootstrap: Buffer.alloc(5000, 'boot'),
  metaFiles: new Map([
    [ID, Buffer.alloc(1024, 'meta')],
    ['0'.repeat(64), Buffer.alloc(1, 'x')],
  ]),
};

t.test('what was packed is found', async (t) => {
  const bytes = Buffer.concat(encodeBootstrapLayerTar(layer));
  t.equal(bytes.length % 512, 0);
  const found = decodeBootstrapLayerTar(bytes);
  t.same(found.bootstrap, layer.bootstrap);
  t.same([...found.metaFiles], [...layer.metaFiles].toReversed());
  t.same(Buffer.concat(encodeBootstrapLayerTar(layer)), bytes, 'same input, same bytes');
});

t.test('tar lists it', async (t) => {
  const path = join(temporaryDirectory(t), 'layer.tar');
  writeFileSync(path, Buffer.concat(encodeBootstrapLayerTar(layer)));
  const { stdout } = await runChecked('tar', ['-tvf', path, '--numeric-owner', '--utc']);
  const lines = stdout.trim().split('\n');
  t.same(
    lines.map((line) => line.split(/\s+/).slice(0, 3).join(' ')),
    ['drwxr-xr-x 0/0 0', '-r--r--r-- 0/0 5000', '-r--r--r-- 0/0 1', '-r--r--r-- 0/0 1024'],
  );
  t.match(lines[1] ?? '', /image\/image\.boot$/);
});

t.test('layers of other tools', async (t) => {
  const tarOf = (names: readonly string[]): Buffer =>
    Buffer.concat([...names.map((name) => member(name, 'content')), Buffer.alloc(1024)]);
  for (const name of ['image/image.boot', './image/image.boot', 'image.boot']) {
    t.same(decodeBootstrapLayerTar(tarOf([name])).bootstrap, Buffer.from('content'), name);
  }
  const other = tarOf(['image/backend.json', 'image/image.boot', `image/${ID}.blob.meta`]);
  t.same([...decodeBootstrapLayerTar(other).metaFiles.keys()], [ID]);
  const withoutEnd = member('image/image.boot', 'content');
  t.same(decodeBootstrapLayerTar(withoutEnd).bootstrap, Buffer.from('content'));
});

t.test('a layer that GNU tar wrote', async (t) => {
  const directory = temporaryDirectory(t);
  await runChecked('mkdir', [join(directory, 'image')]);
  writeFileSync(join(directory, 'image', 'image.boot'), layer.bootstrap);
  writeFileSync(join(directory, 'image', `${ID}.blob.meta`), 'meta');
  for (const format of ['gnu', 'pax', 'ustar']) {
    const path = join(directory, `${format}.tar`);
    await runChecked('tar', ['-C', directory, `--format=${format}`, '-cf', path, 'image']);
    const found = decodeBootstrapLayerTar(readFileSync(path));
    t.same(found.bootstrap, layer.bootstrap, format);
    t.same(found.metaFiles.get(ID), Buffer.from('meta'), format);
  }
});

t.test('layers that hold nothing or lie are refused', async (t) => {
  const valid = member('image/image.boot', 'content');
  t.throws(() => decodeBootstrapLayerTar(Buffer.alloc(1024)), { code: 'ERR_RAFS_NOT_RAFS' });
  t.throws(() => decodeBootstrapLayerTar(Buffer.alloc(0)), { code: 'ERR_RAFS_NOT_RAFS' });
  t.throws(() => decodeBootstrapLayerTar(member('other', 'x')), { code: 'ERR_RAFS_NOT_RAFS' });
  t.throws(() => decodeBootstrapLayerTar(Buffer.alloc(1024, 7)), { code: 'ERR_RAFS_CORRUPT' });
  const cut = Buffer.concat([valid.subarray(0, 512), Buffer.from('con')]);
  t.throws(() => decodeBootstrapLayerTar(cut), { code: 'ERR_RAFS_TRUNCATED' });
  const many = Buffer.concat(Array.from({ length: 4097 }, () => member('x', '')));
  t.throws(() => decodeBootstrapLayerTar(many), { code: 'ERR_RAFS_LIMIT' });
  const evil = new Map([['../../etc/passwd', Buffer.alloc(1)]]);
  t.throws(() => encodeBootstrapLayerTar({ ...layer, metaFiles: evil }), {
    code: 'ERR_RAFS_INPUT',
  });
});

/** One tar member without the archive's end. */
function member(path: string, content: string): Buffer {
  return writeTarEntry({ name: path, content });
}
