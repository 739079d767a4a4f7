/** Inodes against bytes written by hand from the field tables of docs/format.md. */
import { InodeKind, InodeLayout } from '@shoal/rafs';
import t from 'tap';
import { decodeInode, encodeInode } from '../src/inode.ts';
import { golden } from './support/golden.ts';

const INODE = {
  ino: 9,
  kind: InodeKind.character,
  mode: 0o4755,
  uid: 0x1_0001,
  gid: 0x1_0002,
  seconds: -2,
  nanoseconds: 999_999_999,
  nlink: 2,
  size: 0,
  layout: InodeLayout.plain,
  xattrBytes: 12 + 4 * 6,
  union: 0x0501,
};

t.test('extended inode', async (t) => {
  const bytes = golden(64, {
    0: '0100',
    2: '0700',
    4: 'ed29',
    16: '01050000',
    20: '09000000',
    24: '01000100',
    28: '02000100',
    32: 'feffffffffffffff',
    40: 'ffc99a3b',
    44: '02000000',
  });
  const encoded = Buffer.alloc(64);
  encodeInode(INODE, encoded, 0);
  t.same(encoded, bytes);
  const decoded = decodeInode(bytes, 0, 77);
  t.same(decoded, { ...INODE, nid: 77, offset: 0, isExtended: true, rdev: 0x0501 });
});

t.test('compact inode: no time, 16-bit owners', async (t) => {
  const bytes = golden(32, {
    0: '0800',
    4: 'a481',
    6: '0300',
    8: '0010000a',
    16: '28000000',
    20: '07000000',
    24: 'e803',
    26: 'e903',
  });
  t.same(decodeInode(bytes, 0, 5), {
    nid: 5,
    offset: 0,
    ino: 7,
    kind: InodeKind.regular,
    mode: 0o644,
    uid: 1000,
    gid: 1001,
    seconds: 0,
    nanoseconds: 0,
    nlink: 3,
    size: 0x0a00_1000,
    layout: InodeLayout.chunked,
    isExtended: false,
    xattrBytes: 0,
    union: 0x28,
    rdev: 0,
  });
});

t.test('inodes that cannot be', async (t) => {
  const valid = Buffer.alloc(64);
  encodeInode(INODE, valid, 0);
  const broken: readonly (readonly [string, number, string])[] = [
    ['unknown format bit', 0, '1100'],
    ['device with chunks', 0, '0900'],
    ['unknown layout', 0, '0d00'],
    ['unknown type', 4, '0000'],
    ['high bits of the data block', 6, '0080'],
    ['no links', 44, '00000000'],
    ['nanoseconds', 40, '00ca9a3b'],
    ['size beyond 2^53', 8, 'ffffffffffffffff'],
  ];
  for (const [name, offset, hex] of broken) {
    const copy = Buffer.from(valid);
    copy.write(hex, offset, 'hex');
    t.throws(() => decodeInode(copy, 0, 1), { code: 'ERR_RAFS_CORRUPT' }, name);
  }
});
