/**
 * Makes chunks of stored units: a codec thread verifies and decompresses them and writes what is right to
 * the device file; then it is told who is present. A reader who waits is told by the thread, before anybody
 * here knows. What the disk refuses is handed over in memory.
 */
import { isRangeReady } from '@shoal/linux/ready-map';
import type { CodecPool } from '../codec/codec-pool.ts';
import type { BlobDescription } from '../description/blob-description.ts';
import { isDiskFull } from '../disk/disk-state.ts';
import { ChunkCorruptError } from '../errors.ts';
import {
  type DevicePlaces,
  decompressJob,
  type PlacedChunk,
  type StoredUnits,
} from './decompress-plan.ts';

/** A device file that codec threads may write to. */
export type DirectFile = {
  readonly fd: number;
  /** How often written bytes did not reach the disk: what was written meanwhile may be lost. */
  readonly syncFailures: () => number;
  readonly onWritten: (bytes: number) => void;
  /** Blocks of it that may be read. */
  readonly readyMap: SharedArrayBuffer;
};

export type DecoderComponents = {
  readonly description: BlobDescription;
  readonly pool: CodecPool;
  /** Writes to the device file; throws what the system says. */
  readonly write: (bytes: Uint8Array, position: number) => Promise<void>;
  /** Told of chunks whose bytes are in the device file now. */
  readonly onPresent: (chunks: readonly number[]) => void;
  /** Told of chunks that readers may have been told of and that may be lost. */
  readonly onDoubt: (chunks: readonly number[]) => void;
  /** Tries to make room on a full disk; false when there is nothing to remove. */
  readonly makeRoom: () => Promise<boolean>;
  readonly onWriteFailed: (error: unknown) => void;
};

export type DecodeCall = {
  readonly signal: AbortSignal;
  readonly isUrgent: boolean;
  readonly direct: DirectFile | undefined;
  /** Signalled once what is written may be read, before this thread knows of it. @default nobody is */
  readonly readyEventFd: number | undefined;
  /** Verified bytes that could not be written. */
  readonly onPassedThrough: (chunk: number, bytes: Uint8Array) => void;
};

/** The chunks that did not verify; undefined: what was written may be lost, and nobody is told of it. */
export type DecodeOutcome = Map<number, unknown> | undefined;

export class UnitDecoder {
  readonly #components: DecoderComponents;

  constructor(components: DecoderComponents) {
    this.#components = components;
  }

  async decode(stored: StoredUnits, call: DecodeCall): Promise<DecodeOutcome> {
    const { description, pool, onPresent, onDoubt } = this.#components;
    const { signal, isUrgent, direct, onPassedThrough } = call;
    const { job, placed } = decompressJob(description, stored, devicePlaces(description, call));
    const syncFailures = direct?.syncFailures();
    const options = { signal, isUrgent, endsWithJob: direct !== undefined };
    const result = await pool.run('verify-decompress', job, options).catch((error: unknown) => {
      this.#keepTold(placed, direct, syncFailures);
      throw error;
    });
    const bad = new Map<number, unknown>();
    for (const { unit, part, reason } of result.failures) {
      const chunk = stored.units[unit]?.chunks[part];
      if (chunk === undefined) continue;
      const detail =
        reason === 'digest' ? 'its digest is another' : 'its bytes do not decompress to its size';
      bad.set(chunk, new ChunkCorruptError(description.blobId, chunk, detail));
    }
    const good = placed.filter(({ chunk }) => !bad.has(chunk));
    if (result.writtenBytes === undefined) {
      await this.#keep(new Uint8Array(result.raw), good, onPassedThrough);
    } else {
      // Written while a sync failed, so perhaps lost.
      if (direct?.syncFailures() !== syncFailures) {
        onDoubt(good.map(({ chunk }) => chunk));
        return undefined;
      }
      direct?.onWritten(result.writtenBytes);
      onPresent(good.map(({ chunk }) => chunk));
    }
    return bad;
  }

  /** A thread that dies before it answers may have told readers of chunks; this thread must know of them too. */
  #keepTold(
    placed: readonly PlacedChunk[],
    direct: DirectFile | undefined,
    syncFailures: number | undefined,
  ): void {
    if (direct === undefined) return;
    const { onPresent, onDoubt } = this.#components;
    const map = new Uint8Array(direct.readyMap);
    const told = placed.filter(({ offset }) => isRangeReady(map, offset, 1));
    const isSafe = direct.syncFailures() === syncFailures;
    (isSafe ? onPresent : onDoubt)(told.map(({ chunk }) => chunk));
  }

  async #keep(
    raw: Uint8Array,
    placed: readonly PlacedChunk[],
    onPassedThrough: DecodeCall['onPassedThrough'],
  ): Promise<void> {
    const runs = contiguousRuns(placed);
    for (let run = runs.shift(); run !== undefined; run = runs.shift()) {
      const [first] = run;
      const last = run.at(-1);
      if (first === undefined || last === undefined) continue;
      const bytes = raw.subarray(first.rawOffset, last.rawOffset + last.paddedSize);
      if (await this.#write(bytes, first.offset)) {
        this.#components.onPresent(run.map(({ chunk }) => chunk));
      } else if (run.length > 1) {
        // Some of it may fit: the half that does not ends as single chunks.
        const middle = run.length >> 1;
        runs.unshift(run.slice(0, middle), run.slice(middle));
      } else {
        onPassedThrough(first.chunk, bytes.slice());
      }
    }
  }

  async #write(bytes: Uint8Array, position: number): Promise<boolean> {
    const { write, makeRoom, onWriteFailed } = this.#components;
    for (;;) {
      try {
        await write(bytes, position);
        return true;
      } catch (error) {
        if (isDiskFull(error) && (await makeRoom())) continue;
        onWriteFailed(error);
        return false;
      }
    }
  }
}

function devicePlaces(
  { sizeBytes }: BlobDescription,
  { direct, readyEventFd: eventFd }: DecodeCall,
): DevicePlaces | undefined {
  if (direct === undefined) return undefined;
  const { fd, readyMap: map } = direct;
  return { fd, ready: eventFd === undefined ? undefined : { map, sizeBytes, eventFd } };
}

/** Chunks that follow each other both in the buffer and in the device file. */
function contiguousRuns(placed: readonly PlacedChunk[]): PlacedChunk[][] {
  const runs: PlacedChunk[][] = [];
  for (const chunk of placed) {
    const last = runs.at(-1)?.at(-1);
    const follows =
      last !== undefined &&
      last.offset + last.paddedSize === chunk.offset &&
      last.rawOffset + last.paddedSize === chunk.rawOffset;
    if (follows) runs.at(-1)?.push(chunk);
    else runs.push([chunk]);
  }
  return runs;
}
