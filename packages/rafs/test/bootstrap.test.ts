/** A whole bootstrap: where everything lies, what reading gives back, and foreign input. */
import type { BuildInode, ByteString, RafsInode } from '@shoal/rafs';
import {
  type Bootstrap,
  byteStringFromText,
  encodeBootstrap,
  InodeKind,
  openBootstrap,
  verifyBootstrap,
} from '@shoal/rafs';
import { directory } from '@shoal/test-kit/plain-inode';
import t from 'tap';
import { file, inputOf, special, symlink, TestBlob } from './support/build-image.ts';
import { datalessImage, everythingImage } from './support/sample-images.ts';

const name = byteStringFromText;

function child(bootstrap: Bootstrap, path: string): RafsInode {
  let inode = bootstrap.root();
  for (const part of path.split('/')) {
    const entry = bootstrap.lookup(inode, name(part));
    if (entry === undefined) throw new Error(`no ${path}`);
    inode = bootstrap.inode(entry.nid);
  }
  return inode;
}

t.test('the smallest image, byte for byte', async (t) => {
  const blob = new TestBlob();
  const root = directory({ f: file(blob, 'hi') }, { seconds: 1, uid: 2, gid: 3 });
  const bytes = encodeBootstrap(inputOf(root, blob));
  // Superblocks and slot in block 0, blob table in 1, an unused block, inodes in 3, chunks in 4.
  t.equal(bytes.length, 5 * 4096);
  t.equal(bytes.toString('hex', 1024 + 14, 1024 + 16), '8000', 'root nid 128');
  t.equal(bytes.readUInt32LE(1024 + 40), 2, 'metadata from block 2 on');
  const rootAt = 2 * 4096 + 128 * 32;
  t.equal(
    bytes.toString('hex', rootAt, rootAt + 64),
    // format inline+extended, no xattrs, 040755, size 3 entries * 12 + 4 name bytes.
    '05000000ed4100002800000000000000' +
      '00000000010000000200000003000000' +
      '01000000000000000000000002000000' +
      '00000000000000000000000000000000',
  );
  t.equal(
    bytes.toString('hex', rootAt + 64, rootAt + 64 + 40),
    // ". .. f": nid, offset of the name, type; then the names.
    '8000000000000000240002008000000000000000250002008400000000000000270001002e2e2e66',
  );
  const fileAt = 2 * 4096 + 132 * 32;
  t.equal(
    bytes.toString('hex', fileAt, fileAt + 72),
    '09000000a48100000200000000000000' +
      '28000000020000000000000000000000' +
      '00000000000000000000000001000000' +
      '00000000000000000000000000000000' +
      '0000010000000000',
  );
  t.equal(bytes.toString('hex', 4 * 4096, 4 * 4096 + 32), blob.chunks[0]?.digest.toString('hex'));
  t.equal(bytes.readUInt32LE(4096 + 256), 128, 'prefetch: the root');
});

t.test('an image without data starts its metadata at byte 0', async (t) => {
  const { bootstrap: bytes } = datalessImage();
  t.equal(bytes.readUInt32LE(1024 + 40), 0);
  t.equal(bytes.readUInt16LE(1024 + 86), 0, 'no device');
  const bootstrap = openBootstrap(bytes);
  t.equal(bootstrap.root().offset, 4096);
  t.same(bootstrap.blobs, []);
  t.same(bootstrap.prefetchNids, []);
  t.match(verifyBootstrap(bytes), { directories: 2, files: 1, symlinks: 1, blobs: 0 });
});

t.test('every kind comes back with every attribute', async (t) => {
  const { bootstrap: bytes, blob } = everythingImage();
  const bootstrap = openBootstrap(bytes);
  const a = child(bootstrap, 'a');
  t.match(a, { kind: InodeKind.regular, mode: 0o4755, seconds: -5, nanoseconds: 7, nlink: 2 });
  t.equal(child(bootstrap, 'b').nid, a.nid, 'hard link');
  t.same(
    bootstrap.xattrs(a).map((xattr) => [xattr.name, xattr.value.toString()]),
    [
      ['security.capability', 'x'.repeat(20)],
      ['system.posix_acl_access', 'acl'],
      ['user.b', 'value'],
    ],
  );
  t.match(child(bootstrap, 'c'), { kind: InodeKind.character, rdev: 0x501 });
  t.match(child(bootstrap, 'd'), { kind: InodeKind.block, rdev: 0x800, uid: 1e5, gid: 2e5 });
  t.match(child(bootstrap, 'pipe'), { kind: InodeKind.fifo, rdev: 0 });
  t.match(child(bootstrap, 'socket'), { kind: InodeKind.socket });
  t.equal(bootstrap.symlinkTarget(child(bootstrap, '-before-dot')), 'a');
  t.equal(bootstrap.symlinkTarget(child(bootstrap, '.-between-dots')), '../x'.repeat(500));
  t.equal(bootstrap.symlinkTarget(child(bootstrap, 'long')), 'y'.repeat(4095));
  t.equal(child(bootstrap, 'nested').nlink, 3);
  t.equal(bootstrap.chunkCount(child(bootstrap, 'empty')), 0);
  const many = child(bootstrap, 'many');
  t.equal(Math.ceil(many.size / 4096), 2, 'a directory of two blocks');
  t.equal([...bootstrap.directory(many)].length, 250);
  const entries = bootstrap.chunkEntries(child(bootstrap, 'large'));
  t.equal(entries.length, 3);
  for (const entry of entries) {
    const record = bootstrap.chunkRecord(entry.blobIndex, entry.chunkIndex);
    t.equal(record?.uncompressedOffset, entry.blockAddress * 4096);
    t.same(record?.digest, blob.chunks[entry.chunkIndex]?.digest);
  }
  t.equal(bootstrap.chunkRecord(0, 999), undefined);
  t.equal(bootstrap.chunkRecord(1, 0), undefined);
});

t.test('the chunk table is sorted by digest', async (t) => {
  const bootstrap = openBootstrap(everythingImage().bootstrap);
  const digests = [...bootstrap.chunkRecords()].map(({ digest }) => digest.toString('hex'));
  t.same(digests, digests.toSorted());
  t.equal(digests.length, bootstrap.chunkRecordCount);
});

t.test('equal input gives equal bytes', async (t) => {
  t.same(everythingImage().bootstrap, everythingImage().bootstrap);
});

t.test('several names of a special file: one inode, or one each', async (t) => {
  const blob = new TestBlob();
  const link = symlink('x');
  const input = inputOf(directory({ a: link, b: link }), blob);
  const shared = openBootstrap(encodeBootstrap(input));
  t.match(child(shared, 'a'), { nid: child(shared, 'b').nid, nlink: 2 });
  const apart = openBootstrap(encodeBootstrap({ ...input, shareSpecialInodes: false }));
  t.not(child(apart, 'a').nid, child(apart, 'b').nid);
  t.equal(child(apart, 'b').nlink, 1);
  verifyBootstrap(apart);
});

t.test('chunks that no file needs are left out', async (t) => {
  const blob = new TestBlob();
  file(blob, 'shadowed');
  const root = directory({ kept: file(blob, 'kept') });
  const bootstrap = openBootstrap(encodeBootstrap(inputOf(root, blob)));
  t.equal(bootstrap.chunkRecordCount, 1);
  t.equal(bootstrap.chunkEntries(child(bootstrap, 'kept'))[0]?.chunkIndex, 1);
});

t.test('compact inodes of other builders', async (t) => {
  const blob = new TestBlob();
  const bytes = encodeBootstrap(inputOf(directory({ f: file(blob, 'content') }), blob));
  const { offset } = child(openBootstrap(bytes), 'f');
  const entry = Buffer.from(bytes.subarray(offset + 64, offset + 72));
  // 32 bytes: chunked, 0100600, one link, 7 bytes, 1 MiB chunks, number 2, owner 500:501.
  bytes.fill(0, offset, offset + 72);
  bytes.write('080000008081010007000000000000002800000002000000f401f50100000000', offset, 'hex');
  entry.copy(bytes, offset + 32);
  const bootstrap = openBootstrap(bytes);
  const inode = child(bootstrap, 'f');
  t.match(inode, { isExtended: false, mode: 0o600, size: 7, uid: 500, gid: 501, nlink: 1 });
  t.same(bootstrap.chunkEntries(inode), [{ blobIndex: 0, chunkIndex: 0, blockAddress: 0 }]);
  verifyBootstrap(bytes);
});

t.test('foreign input is named', async (t) => {
  const v5 = Buffer.alloc(8192);
  v5.writeUInt32LE(0x5241_4653, 0);
  v5.writeUInt32LE(0x500, 4);
  t.throws(() => openBootstrap(v5), { code: 'ERR_RAFS_V5' });
  const v3 = Buffer.alloc(8192);
  v3.writeUInt32LE(0xe0f5_e1e2, 1024);
  v3.writeUInt16LE(9, 1024 + 88);
  t.throws(() => openBootstrap(v3), { code: 'ERR_RAFS_NYDUS_V3' });
  t.throws(() => openBootstrap(Buffer.alloc(0)), { code: 'ERR_RAFS_NOT_RAFS' });
  t.throws(() => openBootstrap(Buffer.alloc(8192, 'text')), { code: 'ERR_RAFS_NOT_RAFS' });
  const { bootstrap } = everythingImage();
  t.throws(() => openBootstrap(bootstrap.subarray(0, 1200)), { code: 'ERR_RAFS_CORRUPT' });
  t.throws(() => openBootstrap(bootstrap.subarray(0, 4096)), { code: 'ERR_RAFS_CORRUPT' });
});

t.test('trees the format cannot hold are refused', async (t) => {
  const blob = new TestBlob();
  const content = file(blob, 'content');
  const twice = directory({});
  const long = 'n'.repeat(256);
  const xattr = (key: string, size: number): BuildInode =>
    file(blob, '', {
      xattrs: [{ name: name(key), value: 'v'.repeat(size) as ByteString }],
    });
  const cases: readonly (readonly [string, BuildInode])[] = [
    ['root is a file', content],
    ['directory with two names', directory({ a: twice, b: twice })],
    ['name too long', directory({ [long]: content })],
    ['name with slash', directory({ 'a/b': content })],
    ['name with zero', directory({ 'a\0': content })],
    ['name ..', directory({ '..': content })],
    ['empty name', directory({ '': content })],
    ['mode with type bits', directory({ a: { ...content, mode: 0o100644 } })],
    ['negative owner', directory({ a: { ...content, uid: -1 } })],
    ['nanoseconds', directory({ a: { ...content, nanoseconds: 1e9 } })],
    ['fractional time', directory({ a: { ...content, seconds: 0.5 } })],
    ['empty symlink', directory({ a: symlink('') })],
    ['long symlink', directory({ a: symlink('x'.repeat(4097)) })],
    ['too few chunks', directory({ a: { ...content, size: 2 ** 21 } })],
    ['chunk that is none', directory({ a: { ...content, chunks: 99 } })],
    ['chunk of another size', directory({ a: { ...content, size: 6 } })],
    ['xattr namespace', directory({ a: xattr('system.other', 1) })],
    ['xattr value', directory({ a: xattr('user.x', 65536) })],
    ['device with children', directory({ a: { ...special(4), children: new Map() } })],
  ];
  for (const [what, root] of cases) {
    t.throws(() => encodeBootstrap(inputOf(root, blob)), { code: 'ERR_RAFS_INPUT' }, what);
  }
  const input = inputOf(directory({ content }), blob);
  t.throws(() => encodeBootstrap({ ...input, chunkSize: 5000 }), { code: 'ERR_RAFS_INPUT' });
  t.throws(() => encodeBootstrap({ ...input, prefetch: [twice] }), { code: 'ERR_RAFS_INPUT' });
  const blobs = Array.from({ length: 255 }, () => input.blobs[0]).filter((x) => x !== undefined);
  t.throws(() => encodeBootstrap({ ...input, blobs }), { code: 'ERR_RAFS_LIMIT' });
});

t.test('a blob of few chunks that claims terabytes is refused', async (t) => {
  const blob = new TestBlob();
  const root = directory({ one: file(blob, 'one') });
  const input = inputOf(root, blob);
  const largest = blob.chunkSize;
  const encode = (uncompressedSize: number) =>
    encodeBootstrap({
      ...input,
      blobs: input.blobs.map((entry) => ({ ...entry, uncompressedSize })),
    });
  t.ok(encode(largest));
  t.throws(() => encode(largest + 4096), { code: 'ERR_RAFS_CORRUPT' });
  t.throws(() => encode(2 ** 40), { code: 'ERR_RAFS_CORRUPT', message: /1 chunks/ });
});
