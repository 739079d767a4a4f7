/**
 * Turns units and their bytes into a job for the codec pool. In the job's output the chunks lie
 * as in the device file, each padded to whole blocks, so that neighbours are written together.
 */
import type {
  DecompressJob,
  PartPlaces,
  ReadyPlaces,
  StoredUnit,
  UnitPart,
} from '../codec/codec-jobs.ts';
import { DIGEST_BYTES } from '../codec/codec-jobs.ts';
import type { BlobDescription } from '../description/blob-description.ts';
import { CHUNK_FLAG } from '../description/blob-description.ts';
import { alignToBlock } from '../description/chunk-lookup.ts';
import type { PlannedUnit } from './fetch-plan.ts';

export type PlacedChunk = {
  readonly chunk: number;
  /** Byte offset in the device file. */
  readonly offset: number;
  /** Byte offset in the job's output. */
  readonly rawOffset: number;
  readonly paddedSize: number;
};

/** Units and the bytes that they lie in, which start at `storedOffset` of the blob. */
export type StoredUnits = {
  readonly units: readonly PlannedUnit[];
  readonly storedOffset: number;
  readonly stored: Buffer;
};

/** The device file, and who is told of what is written to it. */
export type DevicePlaces = { readonly fd: number; readonly ready?: ReadyPlaces | undefined };

/** With a `device` the job writes what it has verified. */
export function decompressJob(
  description: BlobDescription,
  { units: planned, storedOffset, stored }: StoredUnits,
  device?: DevicePlaces,
): { readonly job: DecompressJob; readonly placed: readonly PlacedChunk[] } {
  const placed: PlacedChunk[] = [];
  let rawBytes = 0;
  const units = planned.map((unit) => {
    const parts = unit.chunks.map((chunk) => {
      const { part, place } = partOf(description, chunk, rawBytes);
      placed.push(place);
      rawBytes += alignToBlock(part.size);
      return part;
    });
    return unitOf(description, unit, storedOffset, parts);
  });
  const { digester } = description;
  const places = device === undefined ? {} : { places: placesOf(placed, device) };
  return { job: { ...movable(stored), units, digester, rawBytes, ...places }, placed };
}

function placesOf(placed: readonly PlacedChunk[], { fd, ready }: DevicePlaces): PartPlaces {
  return {
    fd,
    ...(ready === undefined ? {} : { ready }),
    positions: Float64Array.from(placed, ({ offset }) => offset),
    lengths: Uint32Array.from(placed, ({ paddedSize }) => paddedSize),
  };
}

function partOf(
  description: BlobDescription,
  chunk: number,
  rawOffset: number,
): { part: UnitPart; place: PlacedChunk } {
  const { chunks } = description;
  const size = chunks.size[chunk] ?? 0;
  const offset = chunks.offset[chunk] ?? 0;
  const digest = chunks.digests.slice(chunk * DIGEST_BYTES, (chunk + 1) * DIGEST_BYTES);
  return {
    part: { offset: chunks.unitOffset[chunk] ?? 0, size, rawOffset, digest },
    place: { chunk, offset, rawOffset, paddedSize: paddedSize(description, chunk) },
  };
}

/** Bytes a chunk takes in the device file: whole blocks, cut at the end of the file. */
export function paddedSize({ chunks, sizeBytes }: BlobDescription, chunk: number): number {
  const aligned = alignToBlock(chunks.size[chunk] ?? 0);
  return Math.min(aligned, sizeBytes - (chunks.offset[chunk] ?? 0));
}

function unitOf(
  description: BlobDescription,
  unit: PlannedUnit,
  requestOffset: number,
  parts: readonly UnitPart[],
): StoredUnit {
  const { chunks, compressor, cipherKey } = description;
  const first = unit.chunks[0] ?? 0;
  const flags = chunks.flags[first] ?? 0;
  const isEncrypted = (flags & CHUNK_FLAG.encrypted) !== 0;
  return {
    offset: unit.storedOffset - requestOffset,
    storedSize: unit.storedSize,
    rawSize: chunks.unitSize[first] ?? 0,
    compressor: (flags & CHUNK_FLAG.compressed) === 0 ? 'none' : compressor,
    ...(isEncrypted && cipherKey !== undefined ? { cipherKey } : {}),
    parts,
  };
}

/** A buffer that has its memory to itself moves; a piece of a larger one is copied. */
function movable(stored: Buffer): { stored: ArrayBuffer; storedStart: number } {
  const { buffer, byteOffset, byteLength } = stored;
  const isOwn = buffer instanceof ArrayBuffer && buffer.byteLength - byteLength <= byteLength / 8;
  if (isOwn && buffer.byteLength > Buffer.poolSize)
    return { stored: buffer, storedStart: byteOffset };
  return { stored: new Uint8Array(stored).buffer, storedStart: 0 };
}
