/** Chunk-info that only Nydus writes: batches, encryption, lz4; and chunk-info that lies. */
import type { BlobTableEntry, ChunkInfo } from '@shoal/rafs';
import { BlobFeature, ChunkInfoFlag, decodeLz4Block, decodeStoredChunkInfo } from '@shoal/rafs';
import t from 'tap';
import { decryptUnit, encryptUnit } from '../src/blob/xts.ts';
import {
  batchSample,
  plainChunk,
  sampleChunkInfo,
  TEST_CIPHER,
} from './support/sample-chunk-info.ts';

t.test('members of a batch share one unit', async (t) => {
  for (const compressor of ['none', 'zstd'] as const) {
    const { entry, stored } = batchSample({ compressor });
    const meta = decodeStoredChunkInfo(stored, entry);
    const unit = {
      compressedOffset: 0,
      compressedSize: 120,
      uncompressedSize: 300,
      isCompressed: true,
      isEncrypted: false,
      batch: 0,
    };
    t.same(meta.unit(0), { ...unit, offsetInUnit: 0 });
    t.same(meta.unit(2), { ...unit, offsetInUnit: 200 });
    t.equal(meta.isBatch(1), true);
    t.equal(meta.uncompressedSize(1), 100);
    t.equal(meta.compressedSize(1), 120);
    t.equal(meta.crc32c(1), undefined);
    t.equal(meta.isBatch(3), false);
    t.equal(meta.crc32c(3), 0x1234_5678);
    t.equal(meta.compressedOffset(3), 120);
  }
});

t.test('encrypted chunk-info is read with the key of the blob table', async (t) => {
  const { entry, stored } = batchSample({ cipher: TEST_CIPHER, compressor: 'zstd' });
  const meta = decodeStoredChunkInfo(stored, entry);
  t.equal(meta.isEncrypted(0), true);
  t.equal(meta.unit(3).isEncrypted, true);
  const wrongKey = { ...TEST_CIPHER, key: Buffer.alloc(32, 1) };
  const wrong = { ...entry, cipher: { ...wrongKey, key: Buffer.from(TEST_CIPHER.key).reverse() } };
  t.throws(() => decodeStoredChunkInfo(stored, wrong), { code: 'ERR_RAFS_CORRUPT' });
  t.throws(
    () => decodeStoredChunkInfo(stored, { ...entry, cipher: wrongKey }),
    { code: 'ERR_RAFS_CORRUPT' },
    'halves of the key are equal',
  );
});

t.test('encrypted units of any length come back', async (t) => {
  for (let size = 1; size < 70; size++) {
    const plain = Buffer.from(Array.from({ length: size }, (_, index) => index * 3 + size));
    t.same(decryptUnit(encryptUnit(plain, TEST_CIPHER), TEST_CIPHER), plain, `${size} bytes`);
  }
  t.equal(encryptUnit(Buffer.from('short'), TEST_CIPHER).length, 18);
  t.throws(() => decryptUnit(Buffer.alloc(15), TEST_CIPHER), { code: 'ERR_RAFS_CORRUPT' });
});

t.test('aes-128-xts: vector 2 of IEEE 1619', async (t) => {
  // key1 11.., key2 22.., data unit 0x3333333333, plaintext 44.. (32 bytes).
  const cipher = {
    key: Buffer.from('11'.repeat(16) + '22'.repeat(16), 'hex'),
    iv: Buffer.from('33333333330000000000000000000000', 'hex'),
  };
  const unit = Buffer.from(
    'c454185e6a16936e39334038acef838bfb186fff7480adc4289382ecd6d394f0',
    'hex',
  );
  t.same(decryptUnit(unit, cipher), Buffer.alloc(32, 0x44));
});

t.test('lz4 blocks', async (t) => {
  const overlap = Buffer.from(`1f610100${'ff'.repeat(15)}f6506161616161`, 'hex');
  t.same(decodeLz4Block(overlap, 4096), Buffer.alloc(4096, 'a'));
  const literals = Buffer.from('50' + '68656c6c6f', 'hex');
  t.same(decodeLz4Block(literals, 5), Buffer.from('hello'));
  const long = Buffer.concat([Buffer.from('f005', 'hex'), Buffer.from('abcdefghijklmnopqrst')]);
  t.same(decodeLz4Block(long, 20), Buffer.from('abcdefghijklmnopqrst'));
  const distant = Buffer.from('44616263640400506162636465', 'hex');
  t.same(decodeLz4Block(distant, 17), Buffer.from('abcdabcdabcdabcde'));
  const bad: readonly (readonly [string, string, number])[] = [
    ['too short', '5068656c6c6f', 6],
    ['too long', '5068656c6c6f', 4],
    ['cut literals', '5068', 5],
    ['cut length', 'f0', 20],
    ['cut offset', '106101', 20],
    ['offset 0', '1061000010', 20],
    ['offset before the start', '1061020010', 20],
    ['match too long', '1f610100ff00', 20],
    ['empty', '', 1],
  ];
  for (const [name, hex, size] of bad) {
    t.throws(
      () => decodeLz4Block(Buffer.from(hex, 'hex'), size),
      { code: 'ERR_RAFS_CORRUPT' },
      name,
    );
  }
});

t.test('chunks that lie are refused', async (t) => {
  const base = { dataSize: 2000, uncompressedSize: 8192 };
  const first = plainChunk(0, 0, 1000);
  const cases: readonly (readonly [string, readonly ChunkInfo[]])[] = [
    ['outside the device', [plainChunk(8192, 0, 10)]],
    ['outside the blob', [plainChunk(0, 1500, 600)]],
    ['overlapping the one before', [first, plainChunk(0, 1000, 10)]],
    ['out of order', [plainChunk(4096, 0, 10), plainChunk(0, 10, 10)]],
    ['two sizes but not compressed', [{ ...first, compressedSize: 5 }]],
    ['no bytes', [{ ...first, compressedSize: 0, flags: ChunkInfoFlag.compressed }]],
    ['larger than the chunk size', [plainChunk(0, 0, 0x10_0001)]],
    ['a gzip stream', [{ ...first, flags: ChunkInfoFlag.zran }]],
    ['encrypted without cipher', [{ ...first, flags: ChunkInfoFlag.encrypted }]],
    ['batch without batches', [{ ...first, flags: ChunkInfoFlag.batch }]],
    ['checksum flagged but missing', [{ ...first, flags: ChunkInfoFlag.hasCrc32c }]],
  ];
  for (const [name, chunks] of cases) {
    const { entry, stored } = sampleChunkInfo({ ...base, chunks });
    t.throws(() => decodeStoredChunkInfo(stored, entry), { code: 'ERR_RAFS_CORRUPT' }, name);
  }
});

t.test('batches that lie are refused', async (t) => {
  const member = (change: Partial<ChunkInfo>): ChunkInfo => ({
    ...plainChunk(0, 0, 100, ChunkInfoFlag.batch | ChunkInfoFlag.compressed),
    compressedSize: 0,
    ...change,
  });
  const sizes = { dataSize: 200, uncompressedSize: 4096 };
  const context = { compressedSize: 120, uncompressedSize: 300 };
  const cases = [
    { chunks: [member({ dataHigh: 1 })], contexts: [context] },
    { chunks: [member({ dataLow: 250 })], contexts: [context] },
    { chunks: [member({ compressedOffset: 100 })], contexts: [context] },
    { chunks: [member({})], contexts: [{ ...context, compressedSize: 0 }] },
    { chunks: [member({})], contexts: [{ ...context, uncompressedSize: 2 ** 24 + 1 }] },
    { chunks: [member({})], contexts: [context, context] },
  ];
  for (const { chunks, contexts } of cases) {
    const { entry, stored } = sampleChunkInfo({ ...sizes, chunks, contexts });
    t.throws(() => decodeStoredChunkInfo(stored, entry), { code: 'ERR_RAFS_CORRUPT' });
  }
});

t.test('a header that contradicts the blob table is refused', async (t) => {
  const { entry, stored } = batchSample();
  const changes: readonly Partial<BlobTableEntry>[] = [
    { ciOffset: entry.ciOffset + 1 },
    { chunkCount: entry.chunkCount - 1 },
    { ciCompressor: 'zstd' },
    { ciUncompressedSize: entry.ciUncompressedSize + 1 },
  ];
  for (const change of changes) {
    t.throws(() => decodeStoredChunkInfo(stored, { ...entry, ...change }), {
      code: 'ERR_RAFS_CORRUPT',
    });
  }
  t.throws(() => decodeStoredChunkInfo(stored.subarray(1), entry), { code: 'ERR_RAFS_CORRUPT' });
  const digests = Buffer.alloc(32);
  t.throws(() => decodeStoredChunkInfo(stored, entry, { digests }), { code: 'ERR_RAFS_CORRUPT' });
});

t.test('blobs whose data is elsewhere or in another form are not supported', async (t) => {
  const { entry, stored } = batchSample();
  for (const feature of ['zran', 'separate', 'tarfs', 'external'] as const) {
    const features = entry.features | BlobFeature[feature];
    t.throws(
      () => decodeStoredChunkInfo(stored, { ...entry, features }),
      { code: 'ERR_RAFS_UNSUPPORTED' },
      feature,
    );
  }
});
