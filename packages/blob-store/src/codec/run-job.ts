/**
 * What a codec thread does with a job. Synchronous but for the first use of a WebAssembly hash.
 */
import { hash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { CodecJobError } from '../errors.ts';
import { JOB_BYTES_MAX, JOB_CHUNKS_MAX, PIECE_BYTES_MIN } from '../limits.ts';
import { type ChunkDigest, openChunkCrc, openChunkDigest } from './chunk-hash.ts';
import type {
  CompressJob,
  CompressResult,
  DigestJob,
  DigestResult,
  PieceHashJob,
  PieceHashResult,
  VerifyFileJob,
  VerifyFileResult,
} from './codec-jobs.ts';
import { DIGEST_BYTES } from './codec-jobs.ts';
import { compressChunk } from './compression.ts';

/** Stored chunks replace the raw ones from the front: they never take more room. */
export async function runCompress(job: CompressJob): Promise<CompressResult> {
  const { raw, lengths } = job;
  checkLengths(raw, lengths);
  const digest = await openChunkDigest(job.digester);
  const crc = job.withCrc32c ? await openChunkCrc() : undefined;
  const bytes = new Uint8Array(raw);
  const storedLengths = new Uint32Array(lengths.length);
  const digests = new Uint8Array(lengths.length * DIGEST_BYTES);
  const crc32c = crc === undefined ? undefined : new Uint32Array(lengths.length);
  let from = 0;
  let to = 0;
  for (let index = 0; index < lengths.length; index++) {
    const chunk = bytes.subarray(from, from + (lengths[index] ?? 0));
    digests.set(digest(chunk), index * DIGEST_BYTES);
    if (crc !== undefined && crc32c !== undefined) crc32c[index] = crc(chunk);
    const stored = compressChunk(chunk, job.compressor) ?? chunk;
    from += chunk.length;
    storedLengths[index] = stored.length;
    if (stored !== chunk || to !== from - chunk.length) bytes.set(stored, to);
    to += stored.length;
  }
  return { stored: raw, storedLengths, digests, ...(crc32c === undefined ? {} : { crc32c }) };
}

export async function runDigest(job: DigestJob): Promise<DigestResult> {
  const { raw, lengths } = job;
  checkLengths(raw, lengths);
  const digest = await openChunkDigest(job.digester);
  const digests = new Uint8Array(lengths.length * DIGEST_BYTES);
  let from = 0;
  for (let index = 0; index < lengths.length; index++) {
    const length = lengths[index] ?? 0;
    digests.set(digest(new Uint8Array(raw, from, length)), index * DIGEST_BYTES);
    from += length;
  }
  return { raw, digests };
}

const SHA1_BYTES = 20;

export function runPieceHashes({ raw, length, pieceBytes }: PieceHashJob): PieceHashResult {
  checkLengths(raw, Uint32Array.of(length));
  if (pieceBytes.some((bytes) => !(bytes >= PIECE_BYTES_MIN))) {
    throw new CodecJobError('pieces are too short');
  }
  return {
    raw,
    hashes: pieceBytes.map((bytes) => hashPieces(new Uint8Array(raw, 0, length), bytes)),
  };
}

function hashPieces(bytes: Uint8Array, pieceBytes: number): Uint8Array<ArrayBuffer> {
  const count = Math.ceil(bytes.length / pieceBytes);
  const hashes = new Uint8Array(count * SHA1_BYTES);
  for (let piece = 0; piece < count; piece++) {
    const from = piece * pieceBytes;
    const digest = hash('sha1', bytes.subarray(from, from + pieceBytes), 'buffer');
    hashes.set(digest, piece * SHA1_BYTES);
  }
  return hashes;
}

/** Chunks that cannot be read count as not verified. */
export async function runVerifyFile(job: VerifyFileJob): Promise<VerifyFileResult> {
  if (job.chunks.length > JOB_CHUNKS_MAX) throw new CodecJobError('too many chunks in one job');
  const digest = await openChunkDigest(job.digester);
  const fd = openSync(job.path, 'r');
  try {
    return { verified: job.chunks.map((chunk) => isChunkRight(fd, chunk, digest)) };
  } finally {
    closeSync(fd);
  }
}

function isChunkRight(
  fd: number,
  chunk: VerifyFileJob['chunks'][number],
  digest: ChunkDigest,
): boolean {
  const bytes = Buffer.allocUnsafe(chunk.size);
  let filled = 0;
  while (filled < chunk.size) {
    const got = readSync(fd, bytes, filled, chunk.size - filled, chunk.offset + filled);
    if (got === 0) return false;
    filled += got;
  }
  return isSame(digest(bytes), chunk.digest);
}

function checkLengths(raw: ArrayBuffer, lengths: Uint32Array): void {
  let sum = 0;
  for (const length of lengths) sum += length;
  if (lengths.length > JOB_CHUNKS_MAX || raw.byteLength > JOB_BYTES_MAX || sum > raw.byteLength) {
    throw new CodecJobError(
      `${lengths.length} chunks of ${sum} bytes do not fit a buffer of ${raw.byteLength}`,
    );
  }
}

function isSame(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.compare(left, right) === 0;
}
