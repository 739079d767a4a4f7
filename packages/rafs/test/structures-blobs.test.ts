/** What tells of blobs and chunks against bytes written by hand from the field tables of docs/format.md. */
import type { BlobTableEntry } from '@shoal/rafs';
import t from 'tap';
import { decodeChunkInfoHeader, encodeChunkInfoHeader } from '../src/blob/chunk-info-header.ts';
import { decodeBlobTableEntry, encodeBlobTableEntry } from '../src/blob-table-entry.ts';
import { decodeChunkEntry, encodeChunkEntry, encodeChunkFormat } from '../src/chunk-entry.ts';
import { decodeChunkRecord, encodeChunkRecord } from '../src/chunk-record.ts';
import { golden } from './support/golden.ts';

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
  firstReads: undefined,
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

t.test('blob table entry of a blob with first reads', async (t) => {
  const entry = { ...plainEntry, firstReads: { block: 0x0102, blocks: 7 } };
  const bytes = golden(256, {
    ...ENTRY_RUNS,
    168: '22'.repeat(32),
    200: '5500000000000000',
    220: '53465231',
    224: '02010000',
    228: '07000000',
  });
  const encoded = Buffer.alloc(256);
  encodeBlobTableEntry(entry, encoded, 0);
  t.same(encoded, bytes);
  t.same(decodeBlobTableEntry(bytes, 0), entry);
  bytes[220] = 0x54;
  t.equal(decodeBlobTableEntry(bytes, 0).firstReads, undefined, "somebody else's use of the bytes");
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
