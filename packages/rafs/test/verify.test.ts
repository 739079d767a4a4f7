/** A bootstrap broken on purpose, one rule at a time: each is found, none is believed. */
import {
  type Bootstrap,
  byteStringFromText,
  encodeBootstrap,
  InodeKind,
  openBootstrap,
  type RafsInode,
  verifyBootstrap,
} from '@shoal/rafs';
import { directory } from '@shoal/test-kit/plain-inode';
import t from 'tap';
import { file, inputOf, special, symlink, TestBlob } from './support/build-image.ts';
import { everythingImage } from './support/sample-images.ts';

const name = byteStringFromText;

type Image = { readonly bytes: Buffer; readonly bootstrap: Bootstrap };

function smallImage(): Image {
  const blob = new TestBlob(4096);
  const root = directory({
    file: file(blob, Buffer.alloc(9000, 'x'), {
      xattrs: [{ name: name('user.a'), value: name('b') }],
    }),
    link: symlink('file'),
    sub: directory({ leaf: directory({}) }),
  });
  const bytes = encodeBootstrap(inputOf(root, blob));
  return { bytes, bootstrap: openBootstrap(bytes) };
}

function find({ bootstrap }: Image, path: string): RafsInode {
  let inode = bootstrap.root();
  for (const part of path.split('/')) {
    inode = bootstrap.inode(bootstrap.lookup(inode, name(part))?.nid ?? 0);
  }
  return inode;
}

/** Where the nid of an entry is stored in an inline directory. */
function direntAt(image: Image, parent: RafsInode, child: string): number {
  const names = [...image.bootstrap.directoryWithDots(parent)].map((entry) => entry.name);
  return parent.offset + 64 + names.indexOf(name(child)) * 12;
}

t.test('a good image is counted', async (t) => {
  const { bootstrap } = everythingImage();
  t.same(verifyBootstrap(bootstrap), {
    inodes: 16,
    directories: 5,
    files: 4,
    symlinks: 3,
    specials: 4,
    names: 265,
    bytes: 11 + 6 + 10_000,
    chunks: 5,
    chunksWithoutRecord: 0,
    chunkRecords: 5,
    blobs: 1,
    xattrs: 3,
    overlayXattrs: 0,
    overlayWhiteouts: 0,
    setIdFiles: 1,
  });
});

t.test('orders to an overlayfs are reported', async (t) => {
  const blob = new TestBlob();
  const xattrs = [{ name: name('trusted.overlay.opaque'), value: name('y') }];
  const root = directory({
    opaque: directory({}, { xattrs }),
    whiteout: special(InodeKind.character, 0),
    null: special(InodeKind.character, 0x103),
  });
  const summary = verifyBootstrap(encodeBootstrap(inputOf(root, blob)));
  t.match(summary, { overlayXattrs: 1, overlayWhiteouts: 1 });
});

type Break = (image: Image) => void;

const BREAKS: Readonly<Record<string, Break>> = {
  'root is a file': (image) => image.bytes.writeUInt16LE(image.bootstrap.root().nid + 8, 1024 + 14),
  'root outside the file': ({ bytes }) => bytes.writeUInt16LE(0xffff, 1024 + 14),
  'root nid 0': ({ bytes }) => bytes.writeUInt16LE(0, 1024 + 14),
  'directory loop': (image) => {
    const leaf = direntAt(image, find(image, 'sub'), 'leaf');
    image.bytes.writeUInt32LE(find(image, 'sub').nid, leaf);
  },
  'directory with two names': (image) => {
    const at = direntAt(image, image.bootstrap.root(), 'link');
    image.bytes.writeUInt32LE(find(image, 'sub').nid, at);
    image.bytes.writeUInt8(2, at + 10);
  },
  'type of an entry differs from its inode': (image) =>
    image.bytes.writeUInt8(1, direntAt(image, image.bootstrap.root(), 'link') + 10),
  'dot points elsewhere': (image) => {
    const sub = find(image, 'sub');
    image.bytes.writeUInt32LE(128, direntAt(image, sub, '.'));
  },
  'dot dot points elsewhere': (image) => {
    const sub = find(image, 'sub');
    image.bytes.writeUInt32LE(sub.nid, direntAt(image, sub, '..'));
  },
  'names out of order': (image) => {
    const root = image.bootstrap.root();
    const names = root.offset + 64 + 5 * 12;
    image.bytes.write('zile', names + 3, 'latin1');
  },
  'name twice': (image) => {
    const root = image.bootstrap.root();
    image.bytes.write('file', root.offset + 64 + 5 * 12 + 7, 'latin1');
  },
  'name with slash': (image) => {
    const root = image.bootstrap.root();
    image.bytes.write('f/le', root.offset + 64 + 5 * 12 + 3, 'latin1');
  },
  'entry outside the file': (image) =>
    image.bytes.writeUInt32LE(0xff_ffff, direntAt(image, image.bootstrap.root(), 'link')),
  'directory without entries': (image) =>
    image.bytes.writeUInt32LE(0, find(image, 'sub').offset + 8),
  'directory larger than the file': (image) =>
    image.bytes.writeUInt32LE(0x7fff_ffff, find(image, 'sub').offset + 8),
  'symlink with zero': (image) => image.bytes.writeUInt8(0, find(image, 'link').offset + 64),
  'symlink without target': (image) => image.bytes.writeUInt32LE(0, find(image, 'link').offset + 8),
  'symlink too long': (image) => image.bytes.writeUInt32LE(5000, find(image, 'link').offset + 8),
  'xattr prefix': (image) => image.bytes.writeUInt8(5, find(image, 'file').offset + 64 + 12 + 1),
  'xattr longer than its area': (image) =>
    image.bytes.writeUInt16LE(500, find(image, 'file').offset + 64 + 12 + 2),
  'shared xattrs': (image) => image.bytes.writeUInt8(1, find(image, 'file').offset + 64 + 4),
  'xattr area outside the file': (image) =>
    image.bytes.writeUInt16LE(0xffff, find(image, 'file').offset + 2),
  'file larger than its blobs': (image) =>
    image.bytes.writeUInt32LE(0x10_0000, find(image, 'file').offset + 8),
  'kernel would read other chunks': (image) =>
    image.bytes.writeUInt8(0x21, find(image, 'file').offset + 16),
  'unknown chunk format': (image) => image.bytes.writeUInt8(0, find(image, 'file').offset + 16),
  'chunk of no blob': (image) => {
    image.bytes.writeUInt8(0, find(image, 'file').offset + 64 + 24 + 2);
  },
  'chunk of another blob': (image) => {
    image.bytes.writeUInt8(9, find(image, 'file').offset + 64 + 24 + 2);
  },
  'chunk number too large': (image) =>
    image.bytes.writeUInt16LE(500, find(image, 'file').offset + 64 + 24),
  'chunk outside the device': (image) =>
    image.bytes.writeUInt32LE(9, find(image, 'file').offset + 64 + 24 + 4),
  'chunk contradicts its record': (image) =>
    image.bytes.writeUInt32LE(1, find(image, 'file').offset + 64 + 24 + 4),
  'record of no blob': (image) => image.bytes.writeUInt32LE(7, recordAt(image) + 32),
  'record outside the device': (image) =>
    image.bytes.writeUInt32LE(0x10_0000, recordAt(image) + 56),
  'record outside the blob': (image) => image.bytes.writeUInt32LE(0x10_0000, recordAt(image) + 48),
  'record without bytes': (image) => image.bytes.writeUInt32LE(0, recordAt(image) + 44),
  'record without stored bytes': (image) => image.bytes.writeUInt32LE(0, recordAt(image) + 40),
  'prefetch of nothing': ({ bytes }) => bytes.writeUInt32LE(129, 4096 + 256),
  'chunk table outside the file': ({ bytes }) => bytes.writeUInt32LE(0x10_0000, 1152 + 24),
  'chunk table over the blob table': ({ bytes }) => bytes.writeUInt32LE(4096, 1152 + 24),
  'chunk table of half a record': ({ bytes }) => bytes.writeUInt32LE(81, 1152 + 32),
  'blob table over the superblock': ({ bytes }) => bytes.writeUInt32LE(0, 1152 + 8),
  'blob table unaligned': ({ bytes }) => bytes.writeUInt32LE(4096 + 256, 1152 + 8),
  'blob table without a blob': ({ bytes }) => bytes.writeUInt32LE(0, 1152 + 16),
  'too many devices': ({ bytes }) => bytes.writeUInt16LE(2, 1024 + 86),
  'blob index': ({ bytes }) => bytes.writeUInt32LE(1, 4096 + 64),
  'chunk size of the blob': ({ bytes }) => bytes.writeUInt32LE(8192, 4096 + 68),
  'blob without chunks': ({ bytes }) => bytes.writeUInt32LE(0, 4096 + 72),
  'blob not aligned': ({ bytes }) => bytes.writeUInt8(0x20, 4096 + 84),
  'blob size differs from its device': ({ bytes }) => bytes.writeUInt32LE(4096, 4096 + 96),
  'chunk-info of the wrong size': ({ bytes }) => bytes.writeUInt32LE(17, 4096 + 128),
  'device mapped over the metadata': ({ bytes }) => bytes.writeUInt32LE(2, 1408 + 68),
  'inline data of a whole block': (image) =>
    image.bytes.writeUInt32LE(4096, find(image, 'sub').offset + 8),
  'inline data across a block': (image) =>
    image.bytes.writeUInt32LE(4000, find(image, 'sub').offset + 8),
  'another blob in the device slot': ({ bytes }) => bytes.write('c', 1408, 'latin1'),
  'inode number of a broken inode': (image) =>
    image.bytes.writeUInt16LE(0xffff, find(image, 'file').offset),
};

function recordAt({ bytes }: Image): number {
  return bytes.readUInt32LE(1152 + 24);
}

t.test('each broken rule is found', async (t) => {
  for (const [what, breakIt] of Object.entries(BREAKS)) {
    const image = smallImage();
    verifyBootstrap(image.bytes);
    breakIt(image);
    const code = /^ERR_RAFS_(?:CORRUPT|TRUNCATED)$/;
    t.throws(() => verifyBootstrap(image.bytes), { code }, what);
  }
});

t.test('records of a blob with batches need no place of their own', async (t) => {
  const { bytes, bootstrap } = smallImage();
  bytes.writeUInt8(0x21 | 0x84, 4096 + 84);
  bytes.writeUInt32LE(24 * [...bootstrap.chunkRecords()].length, 4096 + 128);
  // As Nydus's builder writes members: no batch flag, no stored size, no stored offset.
  bytes.writeUInt32LE(0, bytes.readUInt32LE(1152 + 24) + 40);
  bytes.writeUInt32LE(0, bytes.readUInt32LE(1152 + 24) + 48);
  t.equal(verifyBootstrap(bytes).chunks, 3);
});

t.test('features nobody here knows are unsupported, not corrupt', async (t) => {
  const image = smallImage();
  image.bytes.writeUInt8(0x10, 4096 + 85);
  t.throws(() => verifyBootstrap(image.bytes), { code: 'ERR_RAFS_UNSUPPORTED' });
});

t.test('limits', async (t) => {
  const { bytes } = smallImage();
  t.throws(() => verifyBootstrap(bytes, { inodesMax: 4 }), { code: 'ERR_RAFS_LIMIT' });
  t.equal(verifyBootstrap(bytes, { inodesMax: 5 }).inodes, 5);
});

t.test('a small file cannot claim a large tree by sharing bytes', async (t) => {
  const blob = new TestBlob(4096);
  const many = Object.fromEntries(
    Array.from({ length: 300 }, (_, index) => [`d${index}`, directory({})]),
  );
  const bytes = encodeBootstrap(inputOf(directory({ ...many, f: file(blob, 'x') }), blob));
  const bootstrap = openBootstrap(bytes);
  const [, ...others] = [...bootstrap.directory(bootstrap.root())];
  const root = bootstrap.root();
  // Every directory claims the root's data for its own.
  for (const { nid, type } of others) {
    if (type !== InodeKind.directory) continue;
    const { offset } = bootstrap.inode(nid);
    bytes.writeUInt16LE(1, offset);
    bytes.writeUInt32LE(root.size, offset + 8);
    bytes.writeUInt32LE(root.union, offset + 16);
  }
  t.throws(() => verifyBootstrap(bytes), { code: 'ERR_RAFS_CORRUPT' });
});
