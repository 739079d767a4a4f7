/** Superblocks and device slots, and every field table, against bytes written by hand from the field tables of docs/format.md. */
import t from 'tap';
import { CHUNK_INFO_HEADER_FIELD, CHUNK_INFO_HEADER_SIZE } from '../src/blob/chunk-info-header.ts';
import { TOC_ENTRY_FIELD, TOC_ENTRY_SIZE } from '../src/blob/toc.ts';
import { BLOB_TABLE_ENTRY_FIELD, BLOB_TABLE_ENTRY_SIZE } from '../src/blob-table-entry.ts';
import { CHUNK_RECORD_FIELD, CHUNK_RECORD_SIZE } from '../src/chunk-record.ts';
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
  EXTENDED_INODE_FIELD,
  EXTENDED_INODE_SIZE,
} from '../src/inode.ts';
import {
  decodeSuperblock,
  encodeSuperblock,
  SUPERBLOCK_FIELD,
  SUPERBLOCK_SIZE,
} from '../src/superblock.ts';
import { golden } from './support/golden.ts';

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
