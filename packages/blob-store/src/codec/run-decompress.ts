/**
 * Decrypts, decompresses and verifies units in a codec thread, and writes what is right to its file
 * when the job says where: then no byte of it ever crosses to another thread.
 */
import { writeSync } from 'node:fs';
import { ReadyMap } from '@shoal/linux/ready-map';
import { decryptUnit } from '@shoal/rafs/xts';
import { CodecJobError } from '../errors.ts';
import { JOB_BYTES_MAX, SCRATCH_BYTES_MAX } from '../limits.ts';
import { type ChunkDigest, openChunkDigest } from './chunk-hash.ts';
import type {
  DecompressJob,
  DecompressResult,
  PartFailure,
  PartPlaces,
  ReadyPlaces,
  StoredUnit,
  UnitPart,
} from './codec-jobs.ts';
import { decompressChunk } from './compression.ts';

/** Parts that lie side by side both in memory and in the file. */
type Run = { readonly rawOffset: number; readonly position: number; length: number };

/** Holds the raw bytes of one job after the other. */
let scratch = new ArrayBuffer(0);

/** A unit that fails costs its own parts only. */
export async function runDecompress(job: DecompressJob): Promise<DecompressResult> {
  if (job.rawBytes > JOB_BYTES_MAX) throw new CodecJobError(`${job.rawBytes} bytes in one job`);
  const digest = await openChunkDigest(job.digester);
  const raw = job.places === undefined ? new ArrayBuffer(job.rawBytes) : scratchFor(job.rawBytes);
  const result = decodeParts(job, new Uint8Array(raw, 0, job.rawBytes), digest);
  if (job.places === undefined) return { raw, failures: result.failures };
  const writtenBytes = tryWrite(raw, result.runs, job.places.fd);
  if (writtenBytes !== undefined) {
    tellReady(result.runs, job.places.ready);
    return { raw: new ArrayBuffer(0), writtenBytes, failures: result.failures };
  }
  return { raw: raw.slice(0, job.rawBytes), failures: result.failures };
}

function scratchFor(bytes: number): ArrayBuffer {
  if (bytes > SCRATCH_BYTES_MAX) return new ArrayBuffer(bytes);
  if (scratch.byteLength < bytes) scratch = new ArrayBuffer(bytes);
  return scratch;
}

type Decoded = { readonly failures: readonly PartFailure[]; readonly runs: readonly Run[] };

/** Where parts are written from, `raw` may hold anything before; what is written is whole afterwards. */
function decodeParts(job: DecompressJob, raw: Uint8Array, digest: ChunkDigest): Decoded {
  const { places } = job;
  const failures: PartFailure[] = [];
  const runs: Run[] = [];
  let number = 0;
  for (const [unit, stored] of job.units.entries()) {
    const into = places === undefined ? undefined : ownRoom(stored, raw);
    const plain = decodeUnit(job, stored, into);
    for (const [index, part] of stored.parts.entries()) {
      const bytes = plain?.subarray(part.offset, part.offset + part.size);
      const reason = problemOf(part, bytes, digest);
      if (reason !== undefined) {
        into?.fill(0);
        failures.push({ unit, part: index, reason });
      } else if (bytes !== undefined) {
        if (bytes.buffer !== raw.buffer) raw.set(bytes, part.rawOffset);
        if (places !== undefined) addRun(runs, raw, part, places, number);
      }
      number++;
    }
  }
  return { failures, runs };
}

function problemOf(
  { size, digest: expected }: UnitPart,
  bytes: Uint8Array | undefined,
  digest: ChunkDigest,
): PartFailure['reason'] | undefined {
  if (bytes?.length !== size) return 'decompress';
  return Buffer.compare(digest(bytes), expected) === 0 ? undefined : 'digest';
}

function decodeUnit(
  job: DecompressJob,
  unit: StoredUnit,
  into: Uint8Array | undefined,
): Uint8Array | undefined {
  try {
    const start = (job.storedStart ?? 0) + unit.offset;
    const stored = new Uint8Array(job.stored, start, unit.storedSize);
    if (unit.cipherKey === undefined) {
      return decompressChunk(stored, unit.compressor, unit.rawSize, into);
    }
    const plain = decryptUnit(stored, unit.cipherKey);
    // The sizes of a batch shorter than a cipher block tell of its padding, not of compression; but
    // only what shrinks is ever stored compressed.
    const compressor = plain.length === unit.rawSize ? 'none' : unit.compressor;
    return decompressChunk(plain, compressor, unit.rawSize, into);
  } catch {
    return undefined;
  }
}

/** Where a unit that is one part may be decoded to, so that nothing is copied. */
function ownRoom({ parts, rawSize }: StoredUnit, raw: Uint8Array): Uint8Array | undefined {
  const [part] = parts;
  if (parts.length !== 1 || part?.offset !== 0 || part.size !== rawSize) return undefined;
  return raw.subarray(part.rawOffset, part.rawOffset + rawSize);
}

/** What lies behind a part up to the end of its place is zeros. */
function addRun(
  runs: Run[],
  raw: Uint8Array,
  { rawOffset, size }: UnitPart,
  places: PartPlaces,
  number: number,
): void {
  const position = places.positions[number];
  const length = places.lengths[number];
  if (position === undefined || length === undefined || length < size) {
    throw new CodecJobError('a part has no place');
  }
  raw.fill(0, rawOffset + size, rawOffset + length);
  const last = runs.at(-1);
  const follows =
    last !== undefined &&
    last.rawOffset + last.length === rawOffset &&
    last.position + last.length === position;
  if (follows) last.length += length;
  else runs.push({ rawOffset, position, length });
}

const EVENT_ONE = new Uint8Array(new BigUint64Array([1n]).buffer);

function tellReady(runs: readonly Run[], ready: ReadyPlaces | undefined): void {
  if (ready === undefined || runs.length === 0) return;
  const map = new ReadyMap(ready.sizeBytes, ready.map);
  for (const { position, length } of runs) map.set(position, length);
  writeSync(ready.eventFd, EVENT_ONE);
}

/** Undefined when the disk refuses: whoever asked decides what happens to the bytes. */
function tryWrite(raw: ArrayBuffer, runs: readonly Run[], fd: number): number | undefined {
  let written = 0;
  try {
    for (const { rawOffset, position, length } of runs) {
      const bytes = new Uint8Array(raw, rawOffset, length);
      for (let done = 0; done < length; ) {
        done += writeSync(fd, bytes, done, length - done, position + done);
      }
      written += length;
    }
    return written;
  } catch {
    return undefined;
  }
}
