/** Chunk-info entries, v1 and v2: known bytes and all values. */
import fc from 'fast-check';
import t from 'tap';
import {
  ChunkInfoFlag,
  decodeChunkInfoV1,
  decodeChunkInfoV2,
  encodeChunkInfoV1,
  encodeChunkInfoV2,
} from '../src/blob/chunk-info.ts';

/** Two 64-bit words as the format page writes them. */
function words(...values: readonly bigint[]): Buffer {
  const bytes = Buffer.alloc(values.length * 8);
  for (const [index, value] of values.entries()) bytes.writeBigUInt64LE(value, index * 8);
  return bytes;
}

const size = fc.integer({ min: 1, max: 1 << 24 });
const block = fc.integer({ min: 0, max: 2 ** 32 - 4097 });
const storedOffset = fc.integer({ min: 0, max: 2 ** 40 - 2 ** 24 });

t.test('v1: entries of a blob that Nydus wrote', async (t) => {
  const bytes = words(
    0x0422_2000_0000_0000n,
    0x012d_b000_0000_0000n,
    0x0345_7000_0000_5000n,
    0x00b9_d000_0000_12dcn,
  );
  const first = {
    uncompressedOffset: 0,
    uncompressedSize: 16931,
    compressedOffset: 0,
    compressedSize: 4828,
  };
  const second = {
    uncompressedOffset: 0x5000,
    uncompressedSize: 13400,
    compressedOffset: 4828,
    compressedSize: 2974,
  };
  const rest = { flags: ChunkInfoFlag.compressed, dataLow: 0, dataHigh: 0 };
  t.same(decodeChunkInfoV1(bytes, 0), { ...first, ...rest });
  t.same(decodeChunkInfoV1(bytes, 16), { ...second, ...rest });
  const encoded = Buffer.alloc(32);
  encodeChunkInfoV1(first, encoded, 0);
  encodeChunkInfoV1(second, encoded, 16);
  t.same(encoded, bytes);
});

t.test('v1: equal sizes mean stored as it is', async (t) => {
  const bytes = Buffer.alloc(16);
  const extent = {
    uncompressedOffset: 0,
    uncompressedSize: 1 << 24,
    compressedOffset: 0,
    compressedSize: 1 << 24,
  };
  encodeChunkInfoV1(extent, bytes, 0);
  t.equal(decodeChunkInfoV1(bytes, 0).flags, 0);
  t.equal(bytes.readBigUInt64LE(0), 0xffff_f000_0000_0f00n, '16 MiB fill both size fields');
});

t.test('v1: every value that fits comes back', async (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(block, size, storedOffset, size, (at, raw, stored, packed) => {
        const extent = {
          uncompressedOffset: at * 4096,
          uncompressedSize: raw,
          compressedOffset: stored,
          compressedSize: packed,
        };
        const bytes = Buffer.alloc(16);
        encodeChunkInfoV1(extent, bytes, 0);
        const { flags, dataLow, dataHigh, ...decoded } = decodeChunkInfoV1(bytes, 0);
        return (
          JSON.stringify(decoded) === JSON.stringify(extent) && flags === (raw === packed ? 0 : 1)
        );
      }),
    ),
  );
});

t.test('v2: fields at their bits', async (t) => {
  const bytes = words(0x1f00_03e7_0000_0005n, 0x0001_2c01_0000_0002n, 0x0000_0007_0000_0009n);
  const chunk = {
    uncompressedOffset: 5 * 4096,
    uncompressedSize: 1000,
    compressedOffset: 0x1_0000_0002,
    compressedSize: 300,
    flags: 0x1f,
    dataLow: 9,
    dataHigh: 7,
  };
  t.same(decodeChunkInfoV2(bytes, 0), chunk);
  const encoded = Buffer.alloc(24);
  encodeChunkInfoV2(chunk, encoded, 0);
  t.same(encoded, bytes);
});

t.test('v2: every value that fits comes back', async (t) => {
  const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
  const packedSize = fc.integer({ min: 0, max: 0xff_ffff });
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(
        fc.tuple(block, size, storedOffset, packedSize),
        fc.integer({ min: 0, max: 255 }),
        u32,
        u32,
        ([at, raw, stored, packed], flags, dataLow, dataHigh) => {
          const chunk = {
            uncompressedOffset: at * 4096,
            uncompressedSize: raw,
            compressedOffset: stored,
            compressedSize: packed,
            flags,
            dataLow,
            dataHigh,
          };
          const bytes = Buffer.alloc(24);
          encodeChunkInfoV2(chunk, bytes, 0);
          return JSON.stringify(decodeChunkInfoV2(bytes, 0)) === JSON.stringify(chunk);
        },
      ),
    ),
  );
});

t.test('what does not fit is refused', async (t) => {
  const fits = {
    uncompressedOffset: 0,
    uncompressedSize: 1,
    compressedOffset: 0,
    compressedSize: 1,
  };
  const cases = [
    { uncompressedOffset: 5 },
    { uncompressedOffset: 2 ** 44 },
    { uncompressedSize: 0 },
    { uncompressedSize: 2 ** 24 + 1 },
    { compressedOffset: 2 ** 40 },
    { compressedOffset: -1 },
    { compressedSize: 0 },
    { compressedSize: 1.5 },
  ];
  for (const change of cases) {
    t.throws(
      () => encodeChunkInfoV1({ ...fits, ...change }, Buffer.alloc(16), 0),
      { code: 'ERR_RAFS_INPUT' },
      JSON.stringify(change),
    );
  }
});
