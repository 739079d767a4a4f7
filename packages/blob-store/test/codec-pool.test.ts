/** What the codec's threads make of chunks: compressed, verified, decrypted, written. */
import { createHash, randomBytes } from 'node:crypto';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import type { Compressor, Digester } from '@shoal/rafs';
import { encryptUnit } from '@shoal/rafs/xts';
import { temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import type { CipherKey } from '../src/codec/codec-jobs.ts';
import { DIGEST_BYTES } from '../src/codec/codec-jobs.ts';
import { compressChunk } from '../src/codec/compression.ts';
import { CodecPool } from '../src/index.ts';
import { CHUNKS, packed } from './support/packed-chunks.ts';

const BLAKE3_OF_ABC = '6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85';

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}

t.test('what is compressed comes back, verified', async (t) => {
  await using pool = new CodecPool({ threads: 2 });
  const cases: [Compressor, Digester][] = [
    ['zstd', 'sha256'],
    ['lz4_block', 'blake3'],
    ['none', 'sha256'],
  ];
  for (const [compressor, digester] of cases) {
    const job = { ...packed(CHUNKS, 100), compressor, digester, withCrc32c: false };
    const size = job.raw.byteLength;
    const result = await pool.run('compress', job);
    t.equal(job.raw.byteLength, 0, 'the buffer moved');
    t.equal(result.stored.byteLength, size, 'the same buffer comes back');
    t.equal(result.storedLengths[1], CHUNKS[1]?.length, 'noise is stored raw');
    let stored = 0;
    let raw = 0;
    const units = CHUNKS.map((chunk, index) => {
      const storedSize = result.storedLengths[index] ?? 0;
      const digest = result.digests.slice(index * DIGEST_BYTES, (index + 1) * DIGEST_BYTES);
      const part = { offset: 0, size: chunk.length, rawOffset: raw, digest };
      const unit = {
        offset: stored,
        storedSize,
        rawSize: chunk.length,
        compressor: storedSize === chunk.length ? ('none' as const) : compressor,
        parts: [part],
      };
      stored += storedSize;
      raw += chunk.length;
      return unit;
    });
    const back = { stored: result.stored, units, digester, rawBytes: raw };
    const decoded = await pool.run('verify-decompress', back, { isUrgent: true });
    t.same(decoded.failures, []);
    t.ok(Buffer.from(decoded.raw).equals(Buffer.concat(CHUNKS)), `${compressor} ${digester}`);
  }
});

t.test('frames, digests and checksums are the standard ones', async (t) => {
  await using pool = new CodecPool({ threads: 1 });
  const abc = packed([Buffer.from('abc')]);
  const digests = await pool.run('digest', { ...abc, digester: 'blake3' });
  t.equal(Buffer.from(digests.digests).toString('hex'), BLAKE3_OF_ABC);
  const result = await pool.run('compress', {
    ...packed([Buffer.from('123456789'), Buffer.alloc(4096)]),
    compressor: 'zstd',
    digester: 'sha256',
    withCrc32c: true,
  });
  t.equal(result.crc32c?.[0], 0xe306_9283);
  t.same(Buffer.from(result.digests.subarray(0, 32)), sha256(Buffer.from('123456789')));
  const frame = Buffer.from(result.stored, 9, result.storedLengths[1]);
  t.ok(zstdDecompressSync(frame).equals(Buffer.alloc(4096)));
  t.not((frame[4] ?? 0) & 0xe0, 0, 'the frame tells its content size');
  const block = compressChunk(Buffer.alloc(64, 'a'), 'lz4_block');
  t.equal(block?.[0], 0x1f, 'a raw lz4 block starts with its first token');
});

t.test('damaged units fail alone', async (t) => {
  await using pool = new CodecPool({ threads: 1 });
  const good = Buffer.alloc(5000, 'good');
  const stored = Buffer.concat([compressChunk(good, 'zstd') ?? good, good]);
  const zstdSize = stored.length - good.length;
  const unit = (offset: number, storedSize: number, rawSize: number, compressor: Compressor) => ({
    offset,
    storedSize,
    rawSize,
    compressor,
    parts: [{ offset: 0, size: rawSize, rawOffset: 0, digest: sha256(good) }],
  });
  const { failures, raw } = await pool.run('verify-decompress', {
    stored: stored.buffer.slice(
      stored.byteOffset,
      stored.byteOffset + stored.length,
    ) as ArrayBuffer,
    digester: 'sha256',
    rawBytes: 5001,
    units: [
      unit(0, zstdSize, 5000, 'zstd'),
      unit(0, zstdSize, 4999, 'zstd'),
      unit(0, zstdSize, 5001, 'zstd'),
      unit(1, zstdSize, 5000, 'zstd'),
      unit(0, zstdSize, 5000, 'lz4_block'),
      unit(0, zstdSize, 5000, 'gzip'),
      unit(0, zstdSize, zstdSize, 'none'),
      unit(zstdSize + 1, 5000, 5000, 'none'),
    ],
  });
  t.same(
    failures.map(({ unit, reason }) => [unit, reason]),
    [
      [1, 'decompress'],
      [2, 'decompress'],
      [3, 'decompress'],
      [4, 'decompress'],
      [5, 'decompress'],
      [6, 'digest'],
      [7, 'decompress'],
    ],
  );
  t.ok(Buffer.from(raw, 0, 5000).equals(good));
});

t.test('what is verified is written where the job says, and nothing else', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'device');
  writeFileSync(path, Buffer.alloc(20_480, 'x'));
  await using pool = new CodecPool({ threads: 1 });
  const long = Buffer.alloc(8192, 'long');
  const short = Buffer.alloc(5000, 'short');
  const job = (fd: number, chunks: readonly Buffer[], positions: number[], wrong?: Buffer) => {
    const stored = chunks.map((chunk) => compressChunk(chunk, 'zstd')?.slice() ?? chunk);
    let offset = 0;
    const units = chunks.map((chunk, index) => {
      const storedSize = stored[index]?.length ?? 0;
      const digest = sha256(chunk === wrong ? Buffer.alloc(1) : chunk);
      const part = { offset: 0, size: chunk.length, rawOffset: index * 8192, digest };
      offset += storedSize;
      const place = { offset: offset - storedSize, storedSize, rawSize: chunk.length };
      return { ...place, compressor: 'zstd' as const, parts: [part] };
    });
    const lengths = Uint32Array.from(chunks, () => 8192);
    const places = { fd, positions: Float64Array.from(positions), lengths };
    const { buffer } = new Uint8Array(Buffer.concat(stored));
    const rawBytes = chunks.length * 8192;
    return { stored: buffer, units, digester: 'sha256' as const, rawBytes, places };
  };
  const fd = openSync(path, 'r+');
  t.teardown(() => closeSync(fd));
  const first = await pool.run('verify-decompress', job(fd, [long], [0]));
  t.match(first, { writtenBytes: 8192, failures: [] });
  t.equal(first.raw.byteLength, 0, 'no byte comes back');
  const both = await pool.run('verify-decompress', job(fd, [short, long], [8192, 0], long));
  t.match(both, { writtenBytes: 8192, failures: [{ unit: 1, part: 0, reason: 'digest' }] });
  const padded = Buffer.concat([short, Buffer.alloc(3192)]);
  const rest = Buffer.alloc(4096, 'x');
  t.ok(readFileSync(path).equals(Buffer.concat([long, padded, rest])), 'zeros behind a chunk');
  const readOnly = openSync(path, 'r');
  t.teardown(() => closeSync(readOnly));
  const refused = await pool.run(
    'verify-decompress',
    job(readOnly, [short, long], [0, 8192], long),
  );
  t.equal(refused.writtenBytes, undefined);
  t.ok(
    Buffer.from(refused.raw).equals(Buffer.concat([padded, Buffer.alloc(8192)])),
    'for the caller',
  );
});

t.test('encrypted units, short ones too', async (t) => {
  await using pool = new CodecPool({ threads: 1 });
  const cipherKey: CipherKey = {
    cipher: 'aes-128-xts',
    key: Buffer.from(Array.from({ length: 32 }, (_, i) => i)),
    iv: Buffer.alloc(16, 7),
  };
  // A short batch is not compressed although its sizes differ, which is all that the image tells.
  for (const [size, compressor] of [
    ...([1, 15, 16, 17, 18, 5000] as const).map((size) => [size, 'none'] as const),
    ...([1, 9, 15] as const).map((size) => [size, 'zstd'] as const),
  ]) {
    const plain = randomBytes(size);
    const sealed = encryptUnit(plain, cipherKey);
    const { failures } = await pool.run('verify-decompress', {
      stored: new Uint8Array(sealed).buffer,
      digester: 'sha256',
      rawBytes: size,
      units: [
        {
          offset: 0,
          storedSize: sealed.length,
          rawSize: size,
          compressor,
          cipherKey,
          parts: [{ offset: 0, size, rawOffset: 0, digest: sha256(plain) }],
        },
      ],
    });
    t.same(failures, [], `${size} bytes, ${compressor}`);
  }
});

t.test('chunks in a file', async (t) => {
  await using pool = new CodecPool({ threads: 1 });
  const directory = temporaryDirectory(t);
  const path = join(directory, 'device');
  writeFileSync(path, Buffer.concat([Buffer.alloc(4096, 'a'), Buffer.alloc(100, 'b')]));
  const { verified } = await pool.run('verify-file', {
    path,
    digester: 'sha256',
    chunks: [
      { offset: 0, size: 4096, digest: sha256(Buffer.alloc(4096, 'a')) },
      { offset: 4096, size: 100, digest: sha256(Buffer.alloc(100, 'b')) },
      { offset: 4096, size: 101, digest: sha256(Buffer.alloc(101, 'b')) },
      { offset: 0, size: 4096, digest: sha256(Buffer.alloc(4096, 'b')) },
    ],
  });
  t.same(verified, [true, true, false, false]);
});
