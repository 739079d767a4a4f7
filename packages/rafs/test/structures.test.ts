/** Every fixed structure against bytes written by hand from the field tables of docs/format.md. */

import type { BlobTableEntry } from '@shoal/rafs';
import { InodeKind, InodeLayout } from '@shoal/rafs';
import t from 'tap';
import {
  CHUNK_INFO_HEADER_FIELD,
  CHUNK_INFO_HEADER_SIZE,
  decodeChunkInfoHeader,
  encodeChunkInfoHeader,
} from '../src/blob/chunk-info-header.ts';
import { TOC_ENTRY_FIELD, TOC_ENTRY_SIZE } from '../src/blob/toc.ts';
import {
  BLOB_TABLE_ENTRY_FIELD,
  BLOB_TABLE_ENTRY_SIZE,
  decodeBlobTableEntry,
  encodeBlobTableEntry,
} from '../src/blob-table-entry.ts';
import { decodeChunkEntry, encodeChunkEntry, encodeChunkFormat } from '../src/chunk-entry.ts';
import {
  CHUNK_RECORD_FIELD,
  CHUNK_RECORD_SIZE,
  decodeChunkRecord,
  encodeChunkRecord,
} from '../src/chunk-record.ts';
import {
  DEVICE_SLOT_FIELD,
  DEVICE_SLOT_SIZE,
  decodeDeviceSlot,
  encodeDeviceSlot,
  mappedBlockAddresses,
} from '../src/device-slot.ts';
import {
  decodeExtendedSuperblock,
  EXTENDED_SUPERBLOCK_FIELD,
  EXTENDED_SUPERBLOCK_SIZE,
  encodeExtendedSuperblock,
  rafsFlags,
} from '../src/extended-superblock.ts';
import {
  COMPACT_INODE_FIELD,
  COMPACT_INODE_SIZE,
  decodeInode,
  EXTENDED_INODE_FIELD,
  EXTENDED_INODE_SIZE,
  encodeInode,
} from '../src/inode.ts';
import {
  decodeSuperblock,
  encodeSuperblock,
  SUPERBLOCK_FIELD,
  SUPERBLOCK_SIZE,
} from '../src/superblock.ts';

/** Bytes of one structure: hex runs at offsets, zeros elsewhere. */
function golden(size: number, runs: Readonly<Record<number, string>>): Buffer {
  const bytes = Buffer.alloc(size);
  for (const [offset, hex] of Object.entries(runs)) bytes.write(hex, Number(offset), 'hex');
  return bytes;
}

t.test('field tables go up and end inside their structure', async (t) => {
  const tables: readonly (readonly [string, Readonly<Record<string, number>>, number])[] = [
    ['superblock', SUPERBLOCK_FIELD, SUPERBLOCK_SIZE],
    ['extended superblock', EXTENDED_SUPERBLOCK_FIELD, EXTENDED_SUPERBLOCK_SIZE],
    ['device slot', DEVICE_SLOT_FIELD, DEVICE_SLOT_SIZE],
    ['blob table entry', BLOB_TABLE_ENTRY_FIELD, BLOB_TABLE_ENTRY_SIZE],
    ['chunk record', CHUNK_RECORD_FIELD, CHUNK_RECORD_SIZE],
    ['compact inode', COMPACT_INODE_FIELD, COMPACT_INODE_SIZE],
    ['extended inode', EXTENDED_INODE_FIELD, EXTENDED_INODE_SIZE],
    ['chunk-info header', CHUNK_INFO_HEADER_FIELD, CHUNK_INFO_HEADER_SIZE],
    ['table of contents', TOC_ENTRY_FIELD, TOC_ENTRY_SIZE],
  ];
  for (const [name, table, size] of tables) {
    const offsets = Object.values(table);
    t.same(
      offsets,
      offsets.toSorted((a, b) => a - b),
      `${name}: in order`,
    );
    t.equal(new Set(offsets).size, offsets.length, `${name}: no two fields at one place`);
    t.ok((offsets.at(-1) ?? size) < size, `${name}: inside`);
  }
});

t.test('superblock', async (t) => {
  const superblock = {
    rootNid: 128,
    inodeCount: 5,
    blocks: 0x1234,
    metaBlockAddress: 2,
    extraDevices: 3,
  };
  const bytes = golden(128, {
    0: 'e2e1f5e0',
    8: '00000040',
    12: '0c',
    14: '8000',
    16: '0500000000000000',
    36: '34120000',
    40: '02000000',
    80: '0c000000',
    86: '0300',
    88: '0b00',
  });
  t.same(encodeSuperblock(superblock), bytes);
  t.same(decodeSuperblock(bytes), superblock);
  const broken: readonly (readonly [string, number, string, string])[] = [
    ['magic', 0, 'ff', 'ERR_RAFS_CORRUPT'],
    ['checksum', 4, '01', 'ERR_RAFS_CORRUPT'],
    ['checksum claimed', 8, '01', 'ERR_RAFS_CORRUPT'],
    ['RAFS bit', 11, '00', 'ERR_RAFS_CORRUPT'],
    ['block size', 12, '0d', 'ERR_RAFS_CORRUPT'],
    ['tarfs block size', 12, '09', 'ERR_RAFS_UNSUPPORTED'],
    ['extension slots', 13, '01', 'ERR_RAFS_CORRUPT'],
    ['no inodes', 16, '00', 'ERR_RAFS_CORRUPT'],
    ['too many inodes', 16, 'ffffffffffffffff', 'ERR_RAFS_CORRUPT'],
    ['shared xattrs', 44, '01', 'ERR_RAFS_CORRUPT'],
    ['newer EROFS feature', 81, '01', 'ERR_RAFS_UNSUPPORTED'],
    ['compression', 84, '01', 'ERR_RAFS_CORRUPT'],
    ['directory block size of newer kernels', 90, '01', 'ERR_RAFS_UNSUPPORTED'],
    ['name prefixes of newer kernels', 91, '01', 'ERR_RAFS_UNSUPPORTED'],
    ['device table slot', 88, '09', 'ERR_RAFS_CORRUPT'],
  ];
  for (const [name, offset, hex, code] of broken) {
    const copy = Buffer.from(bytes);
    copy.write(hex, offset, 'hex');
    t.throws(() => decodeSuperblock(copy), { code }, name);
  }
});

t.test('extended superblock', async (t) => {
  const flags = rafsFlags({
    compressor: 'zstd',
    digester: 'sha256',
    hasXattrs: true,
    hasInlinedDigests: true,
  });
  t.equal(flags, 0x1000000 | 0x100 | 0x80 | 0x10 | 0x8 | 0x20);
  const extended = {
    flags,
    chunkSize: 0x10_0000,
    blobTableOffset: 4096,
    blobTableSize: 256,
    chunkTableOffset: 0x5000,
    chunkTableSize: 160,
    prefetchTableOffset: 4352,
    prefetchTableSize: 4,
  };
  const bytes = golden(256, {
    0: 'b801000100000000',
    8: '0010000000000000',
    16: '00010000',
    20: '00001000',
    24: '0050000000000000',
    32: 'a000000000000000',
    40: '0011000000000000',
    48: '04000000',
  });
  t.same(encodeExtendedSuperblock(extended), bytes);
  t.same(decodeExtendedSuperblock(bytes), {
    ...extended,
    compressor: 'zstd',
    digester: 'sha256',
  });
  const broken: readonly (readonly [string, number, string, string])[] = [
    ['two compressors', 0, 'b9', 'ERR_RAFS_CORRUPT'],
    ['no compressor', 0, '38', 'ERR_RAFS_CORRUPT'],
    ['two digesters', 0, 'bc', 'ERR_RAFS_CORRUPT'],
    ['unknown flag', 1, '05', 'ERR_RAFS_UNSUPPORTED'],
    ['flag above 32 bits', 4, '01', 'ERR_RAFS_UNSUPPORTED'],
    ['tarfs', 1, '03', 'ERR_RAFS_UNSUPPORTED'],
    ['chunk size no power of two', 20, '01001000', 'ERR_RAFS_CORRUPT'],
    ['chunk size too small', 20, '00080000', 'ERR_RAFS_CORRUPT'],
    ['chunk size too large', 20, '00000002', 'ERR_RAFS_CORRUPT'],
  ];
  for (const [name, offset, hex, code] of broken) {
    const copy = Buffer.from(bytes);
    copy.write(hex, offset, 'hex');
    t.throws(() => decodeExtendedSuperblock(copy), { code }, name);
  }
});

t.test('device slot', async (t) => {
  const slot = { blobId: 'ab'.repeat(32), blocks: 0x20, mappedBlockAddress: 128 };
  const bytes = golden(128, { 0: '6162'.repeat(32), 64: '20000000', 68: '80000000' });
  const encoded = Buffer.alloc(128);
  encodeDeviceSlot(slot, encoded, 0);
  t.same(encoded, bytes);
  t.same(decodeDeviceSlot(bytes, 0), slot);
  for (const id of ['AB'.repeat(32), `${'ab'.repeat(31)}/a`, `${'ab'.repeat(31)}\0\0`]) {
    const copy = Buffer.from(bytes);
    copy.write(id, 0, 'latin1');
    t.throws(() => decodeDeviceSlot(copy, 0), { code: 'ERR_RAFS_CORRUPT' });
  }
  const empty = Buffer.from(bytes);
  empty.writeUInt32LE(0, 64);
  t.throws(() => decodeDeviceSlot(empty, 0), { code: 'ERR_RAFS_CORRUPT' }, 'no blocks');
  t.throws(() => encodeDeviceSlot({ ...slot, blobId: '../x' }, encoded, 0), {
    code: 'ERR_RAFS_INPUT',
  });
});

t.test('devices of a flat disk start at multiples of 512 KiB', async (t) => {
  t.same(mappedBlockAddresses(0x5000, [1, 128, 129]), [128, 256, 384]);
  t.same(mappedBlockAddresses(0x8_0000, [3]), [128]);
});

const plainEntry: BlobTableEntry = {
  blobId: 'ab'.repeat(32),
  blobIndex: 1,
  chunkSize: 0x10_0000,
  chunkCount: 2,
  compressor: 'zstd',
  digester: 'sha256',
  features: 0x7000_0021,
  compressedSize: 0x1_0000_2000,
  uncompressedSize: 0x9000,
  tocSize: 1024,
  ciCompressor: 'none',
  ciOffset: 0x1_0000_1000,
  ciCompressedSize: 32,
  ciUncompressedSize: 32,
  tocDigest: Buffer.alloc(32, 0x11),
  metaDigest: Buffer.alloc(32, 0x22),
  metaSize: 0x55,
  cipher: undefined,
};
const ENTRY_RUNS = {
  0: '6162'.repeat(32),
  64: '01000000',
  68: '00001000',
  72: '02000000',
  76: '03000000',
  80: '01000000',
  84: '21000070',
  88: '0020000001000000',
  96: '0090000000000000',
  104: '00040000',
  112: '0010000001000000',
  120: '2000000000000000',
  128: '2000000000000000',
  136: '11'.repeat(32),
};

t.test('blob table entry', async (t) => {
  const bytes = golden(256, { ...ENTRY_RUNS, 168: '22'.repeat(32), 200: '5500000000000000' });
  const encoded = Buffer.alloc(256);
  encodeBlobTableEntry(plainEntry, encoded, 0);
  t.same(encoded, bytes);
  t.same(decodeBlobTableEntry(bytes, 0), plainEntry);
  for (const [name, offset] of [
    ['compressor', 76],
    ['digester', 80],
    ['chunk-info compressor', 108],
    ['cipher', 216],
  ] as const) {
    const copy = Buffer.from(bytes);
    copy.writeUInt32LE(9, offset);
    t.throws(() => decodeBlobTableEntry(copy, 0), { code: 'ERR_RAFS_CORRUPT' }, name);
  }
});

t.test('blob table entry of an encrypted blob holds key and IV', async (t) => {
  const cipher = { key: Buffer.alloc(32, 0x33), iv: Buffer.alloc(16, 0x44) };
  const entry = { ...plainEntry, cipher, metaDigest: Buffer.alloc(32), metaSize: 0 };
  const bytes = golden(256, {
    ...ENTRY_RUNS,
    168: '33'.repeat(32),
    200: '44'.repeat(16),
    216: '01000000',
  });
  const encoded = Buffer.alloc(256);
  encodeBlobTableEntry(entry, encoded, 0);
  t.same(encoded, bytes);
  t.same(decodeBlobTableEntry(bytes, 0), entry);
});

t.test('chunk record', async (t) => {
  const record = {
    digest: Buffer.alloc(32, 0xaa),
    blobIndex: 2,
    flags: 0x11,
    compressedSize: 100,
    uncompressedSize: 200,
    compressedOffset: 0x1_0000_0000,
    uncompressedOffset: 0x2000,
    fileOffset: 0x10_0000,
    chunkIndex: 0x12_3456,
    crc32c: 0xdead_beef,
  };
  const bytes = golden(80, {
    0: 'aa'.repeat(32),
    32: '02000000',
    36: '11000000',
    40: '64000000',
    44: 'c8000000',
    48: '0000000001000000',
    56: '0020000000000000',
    64: '0000100000000000',
    72: '56341200',
    76: 'efbeadde',
  });
  const encoded = Buffer.alloc(80);
  encodeChunkRecord(record, encoded, 0);
  t.same(encoded, bytes);
  t.same(decodeChunkRecord(bytes, 0), record);
});

t.test('chunk entry: 24 bits of index around the device id', async (t) => {
  const entry = { blobIndex: 4, chunkIndex: 0xab_cdef, blockAddress: 0x0102_0304 };
  const bytes = Buffer.from('efcd05ab04030201', 'hex');
  const encoded = Buffer.alloc(8);
  encodeChunkEntry(entry, encoded, 0);
  t.same(encoded, bytes);
  t.same(decodeChunkEntry(bytes, 0), entry);
  t.throws(() => decodeChunkEntry(Buffer.alloc(8), 0), { code: 'ERR_RAFS_CORRUPT' });
  t.equal(encodeChunkFormat(0x10_0000), 0x28);
  t.equal(encodeChunkFormat(4096), 0x20);
});

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

t.test('chunk-info header', async (t) => {
  const header = {
    features: 0x7000_0021,
    compressor: 'zstd' as const,
    entries: 2,
    offset: 0x2000,
    compressedSize: 20,
    uncompressedSize: 32,
    contextOffset: 48,
    contextSize: 40,
    contextCount: 1,
  };
  const bytes = golden(4096, {
    0: '0bb10bb1',
    4: '21000070',
    8: '03000000',
    12: '02000000',
    16: '0020000000000000',
    24: '1400000000000000',
    32: '2000000000000000',
    40: '3000000000000000',
    48: '2800000000000000',
    56: '01000000',
    4092: '0bb10bb1',
  });
  t.same(encodeChunkInfoHeader(header), bytes);
  t.same(decodeChunkInfoHeader(bytes), header);
  for (const offset of [0, 4092]) {
    const copy = Buffer.from(bytes);
    copy.writeUInt8(0, offset);
    t.throws(() => decodeChunkInfoHeader(copy), { code: 'ERR_RAFS_CORRUPT' });
  }
});
