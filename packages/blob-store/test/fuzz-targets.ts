/** The decoders of this package, for the fuzz runner: each returns or throws a coded error. */
import { ReadyMap } from '@shoal/linux/ready-map';
import type { FuzzTarget } from '@shoal/test-kit';
import { DIGEST_BYTES } from '../src/codec/codec-jobs.ts';
import { runDecompress } from '../src/codec/run-decompress.ts';
import { chunksOfRange } from '../src/description/chunk-lookup.ts';
import { planFetch } from '../src/fetch/fetch-plan.ts';
import {
  bitmapBytes,
  decodeChunkMap,
  encodeChunkMapHeader,
  hasBit,
} from '../src/files/chunk-map.ts';
import { decodeDigestRecord, encodeDigestRecordHeader } from '../src/files/digest-record.ts';
import { keyOfFile } from '../src/files/file-names.ts';
import { sampleBlob } from './support/sample-blob.ts';

const COUNT = 1234;
const LAYOUT = Buffer.alloc(DIGEST_BYTES, 3);
const SUBJECT = { count: COUNT, layoutDigest: LAYOUT, inode: 5n };
const sample = sampleBlob({ sizes: [5000, 4096, 30_000, 7], compressor: 'zstd' });

export const fuzzTargets: readonly FuzzTarget[] = [
  { name: 'chunk-map', samples: mapSamples, run: decodeMap },
  { name: 'digest-record', samples: recordSamples, run: decodeRecord },
  { name: 'stored-unit', samples: () => [sample.stored], run: decodeUnits },
  { name: 'ranges', samples: () => [Buffer.alloc(16, 9)], run: planRange },
  { name: 'file-name', samples: () => [Buffer.from(`${sample.blobId}.blob.data`)], run: keyOf },
];

function mapSamples(): readonly Uint8Array[] {
  const bits = Buffer.alloc(bitmapBytes(COUNT), 0x5a);
  const version0 = Buffer.concat([encodeChunkMapHeader(false), bits]);
  version0.writeUInt32LE(0, 4);
  return [
    Buffer.concat([encodeChunkMapHeader(false), bits]),
    Buffer.concat([encodeChunkMapHeader(true), bits]),
    Buffer.alloc(4096 + bits.length),
    version0,
  ];
}

/** The number of chunks comes from elsewhere: the input's first bytes stand for it too. */
function decodeMap(input: Buffer): void {
  const bitmap = decodeChunkMap(input, COUNT);
  if (bitmap.length !== bitmapBytes(COUNT)) throw new TypeError('a bitmap of another length');
  for (let chunk = 0; chunk < COUNT; chunk++) hasBit(bitmap, chunk);
}

function recordSamples(): readonly Uint8Array[] {
  const digests = Buffer.alloc(COUNT * DIGEST_BYTES, 1);
  return [Buffer.concat([encodeDigestRecordHeader(SUBJECT), digests])];
}

function decodeRecord(input: Buffer): void {
  const digests = decodeDigestRecord(input, SUBJECT);
  if (digests.length !== COUNT * DIGEST_BYTES) throw new TypeError('digests of another length');
}

async function decodeUnits(input: Buffer): Promise<void> {
  const { chunks } = sample.description;
  for (const compressor of ['zstd', 'lz4_block', 'gzip', 'none'] as const) {
    const units = Array.from({ length: chunks.count }, (_, index) => ({
      offset: chunks.storedOffset[index] ?? 0,
      storedSize: chunks.storedSize[index] ?? 0,
      rawSize: chunks.size[index] ?? 0,
      compressor,
      parts: [{ offset: 0, size: chunks.size[index] ?? 0, rawOffset: 0, digest: LAYOUT }],
    }));
    const stored = new Uint8Array(input).buffer;
    const result = await runDecompress({ stored, units, digester: 'sha256', rawBytes: 32_768 });
    if (result.failures.length !== chunks.count) throw new TypeError('a wrong digest was accepted');
  }
}

/** Ranges and present chunks taken from the input: plans must cover what is wanted, once. */
function planRange(input: Buffer): void {
  if (input.length < 9) return;
  const { chunks, sizeBytes } = sample.description;
  const offset = input.readUInt32LE(0) % sizeBytes;
  const length = 1 + (input.readUInt32LE(4) % (sizeBytes - offset));
  const present = input.readUInt8(8);
  const ready = new ReadyMap(sizeBytes);
  for (let chunk = 0; chunk < chunks.count; chunk++) {
    if (present & (1 << chunk)) ready.set(chunks.offset[chunk] ?? 0, chunks.size[chunk] ?? 0);
  }
  const isMissing = (chunk: number) => !ready.isReady(chunks.offset[chunk] ?? 0, 1);
  const { first, end } = chunksOfRange(chunks, offset, length);
  const wanted = Array.from({ length: end - first }, (_, at) => first + at).filter(isMissing);
  const planned = planFetch(chunks, wanted, isMissing).flatMap((request) => request.chunks);
  if (planned.join() !== wanted.join()) throw new TypeError(`${planned} planned for ${wanted}`);
  for (const chunk of planned) {
    ready.set(chunks.offset[chunk] ?? 0, chunks.size[chunk] ?? 0);
  }
  if (!ready.isReady(offset, length)) throw new TypeError(`${offset}+${length} stays unready`);
}

function keyOf(input: Buffer): void {
  const key = keyOfFile(input.toString('latin1'));
  if (key !== undefined && /[^0-9a-f-]/.test(key)) throw new TypeError(`${key} is no key`);
}
