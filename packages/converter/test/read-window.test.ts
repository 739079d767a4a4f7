/** Ranged reads: what is joined, and that every kind of stored unit comes out verified. */
import { createHash } from 'node:crypto';
import { zstdCompressSync } from 'node:zlib';
import type { BlobDescription, BlobSource } from '@shoal/blob-store';
import { CHUNK_FLAG, CodecPool } from '@shoal/blob-store';
import { parseBlobId } from '@shoal/oci';
import { noise } from '@shoal/test-kit';
import t from 'tap';
import type { ReadWindow } from '../src/image/read-window.ts';
import { WindowBuilder } from '../src/image/read-window.ts';
import { readWindows } from '../src/image/window-reader.ts';
import { READ_WINDOW_STORED_BYTES } from '../src/limits.ts';

type Unit = { readonly stored: Buffer; readonly isCompressed: boolean; readonly parts: Buffer[] };

const one = (content: Buffer): Unit => ({ stored: content, isCompressed: false, parts: [content] });
const packed = (...parts: Buffer[]): Unit => ({
  stored: zstdCompressSync(Buffer.concat(parts)),
  isCompressed: true,
  parts,
});

/** A blob of these units, back to back, and where its chunks are. */
function blobOf(units: readonly Unit[]): { bytes: Buffer; blob: BlobDescription } {
  const rows = units.flatMap(({ stored, isCompressed, parts }, index) => {
    const storedOffset = units.slice(0, index).reduce((sum, unit) => sum + unit.stored.length, 0);
    const unitSize = parts.reduce((sum, part) => sum + part.length, 0);
    const flags =
      (isCompressed ? CHUNK_FLAG.compressed : 0) | (parts.length > 1 ? CHUNK_FLAG.batch : 0);
    return parts.map((part, number) => ({
      storedOffset,
      storedSize: stored.length,
      size: part.length,
      unitSize,
      unitOffset: parts.slice(0, number).reduce((sum, before) => sum + before.length, 0),
      flags,
      digest: createHash('sha256').update(part).digest(),
    }));
  });
  const column = (key: Exclude<keyof (typeof rows)[number], 'digest'>) => rows.map((r) => r[key]);
  const blob: BlobDescription = {
    blobId: parseBlobId('0'.repeat(64)),
    storedBytes: 0,
    sizeBytes: 0,
    compressor: 'zstd',
    digester: 'sha256',
    chunks: {
      count: rows.length,
      storedOffset: Float64Array.from(column('storedOffset')),
      storedSize: Uint32Array.from(column('storedSize')),
      offset: new Float64Array(rows.length),
      size: Uint32Array.from(column('size')),
      unitSize: Uint32Array.from(column('unitSize')),
      unitOffset: Uint32Array.from(column('unitOffset')),
      flags: Uint8Array.from(column('flags')),
      digests: Buffer.concat(rows.map(({ digest }) => digest)),
    },
  };
  return { bytes: Buffer.concat(units.map(({ stored }) => stored)), blob };
}

/** The windows of these chunks in this order. */
function windowsOf(blob: BlobDescription, chunks: readonly number[], gapMax = 0): ReadWindow[] {
  const windows: ReadWindow[] = [];
  let builder = new WindowBuilder(0, blob, gapMax);
  for (const chunk of chunks) {
    if (builder.add(chunk)) continue;
    windows.push(builder.build());
    builder = new WindowBuilder(0, blob, gapMax);
    builder.add(chunk);
  }
  return [...windows, builder.build()];
}

const contents = ['a', 'b', 'c', 'd', 'e', 'f'].map((seed) => noise(5000, seed));
const [a, b, c, d, e, f] = contents.map((content) => Buffer.concat([content, Buffer.alloc(5000)]));
if (!a || !b || !c || !d || !e || !f) throw new Error('six contents');
const all = [a, b, c, d, e, f];
const { bytes, blob } = blobOf([one(a), packed(b), packed(c, d, e), one(f)]);

function sourceOf(stored: Buffer): BlobSource & { readonly ranges: string[] } {
  const ranges: string[] = [];
  return {
    name: 'memory',
    ranges,
    read: async (_, offset, length) => {
      ranges.push(`${offset}+${length}`);
      return Buffer.from(stored.subarray(offset, offset + length));
    },
    close: async () => {},
  };
}

async function read(windows: readonly ReadWindow[], stored = bytes) {
  await using pool = new CodecPool({ threads: 1 });
  const source = sourceOf(stored);
  const pieces: Buffer[] = [];
  const failed: number[] = [];
  const signal = new AbortController().signal;
  for await (const result of readWindows(windows, [blob], { source, pool }, signal)) {
    failed.push(...result.failures.map(({ chunk }) => chunk));
    for (const { rawOffset, size } of result.window.chunks) {
      pieces.push(result.raw.subarray(rawOffset, rawOffset + size));
    }
  }
  return { content: Buffer.concat(pieces), failed, ranges: source.ranges };
}

t.test('neighbours become one read; a batch is decoded once', async (t) => {
  const windows = windowsOf(blob, [0, 1, 2, 3, 4, 5]);
  t.equal(windows.length, 1);
  t.equal(windows[0]?.units.length, 4);
  const { content, ranges } = await read(windows);
  t.ok(content.equals(Buffer.concat(all)));
  t.same(ranges, [`0+${bytes.length}`]);
});

t.test('members of a batch alone, in any order, twice', async (t) => {
  const { content } = await read(windowsOf(blob, [4, 2, 2, 3]));
  t.ok(content.equals(Buffer.concat([e, c, c, d])));
});

t.test(
  'going back and leaving gaps start another read, small gaps do not if allowed',
  async (t) => {
    t.equal(windowsOf(blob, [5, 0]).length, 2);
    t.equal(windowsOf(blob, [0, 5]).length, 2);
    t.equal(windowsOf(blob, [0, 5], 1 << 20).length, 1);
    const { content } = await read(windowsOf(blob, [5, 0, 2], 1 << 20));
    t.ok(content.equals(Buffer.concat([f, a, c])));
  },
);

t.test('a read stays below its maximum', async (t) => {
  const piece = Buffer.alloc(READ_WINDOW_STORED_BYTES / 2 + 1);
  const large = blobOf([one(piece), one(piece), one(piece)]);
  t.equal(windowsOf(large.blob, [0, 1, 2]).length, 3);
});

t.test('damage costs the chunk it is in, and its bytes are not handed out', async (t) => {
  const damaged = Buffer.from(bytes);
  damaged.writeUInt8(damaged.readUInt8(100) ^ 1, 100);
  const { content, failed } = await read(windowsOf(blob, [0, 1, 5]), damaged);
  t.same(failed, [0]);
  t.ok(content.subarray(0, 10_000).equals(Buffer.alloc(10_000)));
  t.ok(content.subarray(10_000).equals(Buffer.concat([b, f])));
});

t.test('a digest nobody tells is an error', async (t) => {
  const unknown = { ...blob, chunks: { ...blob.chunks, digests: new Uint8Array(6 * 32) } };
  t.throws(() => windowsOf(unknown, [0]), { code: 'ERR_BLOB_STORE_CHUNK_UNKNOWN' });
});
