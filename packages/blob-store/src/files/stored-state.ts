/**
 * What the files of a blob say when they are opened: which chunks are trusted, which are only
 * claimed. Doubt about the device file itself makes every chunk a claim.
 */
import { readFile } from 'node:fs/promises';
import { errorCode } from '@shoal/errors';
import { DIGEST_BYTES } from '../codec/codec-jobs.ts';
import type { ChunkColumns } from '../description/blob-description.ts';
import { ChunkMapError } from '../errors.ts';
import { bitmapBytes, decodeChunkMap, hasBit, setBit } from './chunk-map.ts';
import { decodeDigestRecord, type RecordSubject } from './digest-record.ts';
import type { BlobPaths } from './file-names.ts';

export type StoredState = {
  readonly trusted: Uint8Array;
  readonly claimed: Uint8Array;
  readonly isMapSound: boolean;
  readonly isRecordSound: boolean;
};

export function emptyState(count: number): StoredState {
  const none = () => new Uint8Array(bitmapBytes(count));
  return { trusted: none(), claimed: none(), isMapSound: false, isRecordSound: false };
}

export type StoredStateInit = {
  readonly paths: BlobPaths;
  readonly chunks: ChunkColumns;
  /** Told of files that do not decode. */
  readonly onDamage: (error: ChunkMapError) => void;
};

type DeviceFacts = {
  readonly subject: RecordSubject;
  /** Bytes that the file takes on the disk. */
  readonly storedBytes: number;
};

export async function readState(
  init: StoredStateInit,
  { subject, storedBytes }: DeviceFacts,
): Promise<StoredState> {
  const { chunks, paths, onDamage } = init;
  const empty = emptyState(chunks.count);
  const decode = (bytes: Buffer) => decodeChunkMap(bytes, chunks.count);
  const [map, legacy, record] = await Promise.all([
    decoded(paths.map, decode, onDamage),
    decoded(paths.legacyMap, decode, onDamage),
    decoded(paths.digests, (bytes) => decodeDigestRecord(bytes, subject), onDamage),
  ]);
  let trustedBytes = 0;
  for (let index = 0; index < chunks.count; index++) {
    const isOurs = map !== undefined && hasBit(map, index);
    if (!isOurs && (legacy === undefined || !hasBit(legacy, index))) continue;
    const isTrusted = isOurs && record !== undefined && isRecorded(record, chunks, index);
    setBit(isTrusted ? empty.trusted : empty.claimed, index);
    if (isTrusted) trustedBytes += chunks.size[index] ?? 0;
  }
  const isMapSound = map !== undefined;
  if (trustedBytes <= storedBytes) {
    return { ...empty, isMapSound, isRecordSound: record !== undefined };
  }
  // Somebody punched holes into it, or cut it off and stretched it: holes read as zeros.
  onDamage(new ChunkMapError(`${paths.data} has holes where chunks were`));
  const claimed = empty.claimed.map((byte, at) => byte | (empty.trusted[at] ?? 0));
  return { trusted: empty.trusted.fill(0), claimed, isMapSound, isRecordSound: false };
}

function isRecorded(record: Uint8Array, chunks: ChunkColumns, index: number): boolean {
  const start = index * DIGEST_BYTES;
  const end = start + DIGEST_BYTES;
  const expected = chunks.digests.subarray(start, end);
  return (
    Buffer.compare(record.subarray(start, end), expected) === 0 &&
    expected.some((byte) => byte !== 0)
  );
}

async function decoded<T>(
  path: string,
  decode: (bytes: Buffer) => T,
  onDamage: (error: ChunkMapError) => void,
): Promise<T | undefined> {
  try {
    const bytes = await readFile(path);
    return bytes.length === 0 ? undefined : decode(bytes);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    if (!(error instanceof ChunkMapError)) throw error;
    onDamage(new ChunkMapError(`${path}: ${error.message}`, { cause: error }));
    return undefined;
  }
}
