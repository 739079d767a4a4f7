/**
 * Carries out one planned request: read the range, verify and decompress it, write what is right
 * to the device file, tell who is present. A chunk that is wrong costs only itself; it is fetched
 * again a few times. What the disk refuses is handed over in memory.
 */
import { orAbort } from '@shoal/concurrency';
import { errorCode } from '@shoal/errors';
import type { CodecPool } from '../codec/codec-pool.ts';
import { isDiskFull } from '../disk/disk-state.ts';
import { ChunkCorruptError } from '../errors.ts';
import { CHUNK_ATTEMPTS_MAX } from '../limits.ts';
import type { BlobSource, Priority, VerdictListener } from '../source/blob-source.ts';
import { exactSource } from '../source/exact-source.ts';
import type { BlobCounters } from './blob-counters.ts';
import type { BlobDescription } from './cached-blob.ts';
import { decompressJob, type PlacedChunk } from './decompress-plan.ts';
import { type FetchRequest, groupUnits, type PlannedUnit } from './fetch-plan.ts';
import { tellVerdicts } from './unit-verdicts.ts';

/** Of a source whose blob is shorter than it should be. */
const TOO_FAR: readonly (string | undefined)[] = [
  'ERR_BLOB_STORE_RANGE',
  'ERR_BLOB_STORE_SOURCE_LENGTH',
  'ERR_REGISTRY_CLIENT_SIZE',
];

export type FetchOutcome = {
  readonly failures: ReadonlyMap<number, unknown>;
  /** Verified bytes that could not be written. */
  readonly passedThrough: ReadonlyMap<number, Uint8Array>;
  /** Names of the sources that delivered bytes. */
  readonly sources: ReadonlySet<string>;
};

/** A device file that codec threads may write to. */
export type DirectFile = {
  readonly fd: number;
  /** How often written bytes did not reach the disk: what was written meanwhile may be lost. */
  readonly syncFailures: () => number;
  readonly onWritten: (bytes: number) => void;
};

export type FetcherComponents = {
  readonly description: BlobDescription;
  readonly pool: CodecPool;
  readonly counters: BlobCounters;
  /** Writes to the device file; throws what the system says. */
  readonly write: (bytes: Uint8Array, position: number) => Promise<void>;
  readonly direct: DirectFile | undefined;
  /** Told of chunks whose bytes are in the device file now. */
  readonly onPresent: (chunks: readonly number[]) => void;
  /** Tries to make room on a full disk; false when there is nothing to remove. */
  readonly makeRoom: () => Promise<boolean>;
  readonly onWriteFailed: (error: unknown) => void;
};

/** A request on its way, as seen from inside. */
export type FlightCall = {
  readonly signal: AbortSignal;
  /** Asked again while a read waits: it may have been raised. */
  readonly priority: () => Priority;
  /** Waits for a source's answer. */
  readonly reading: <T>(answer: Promise<T>) => Promise<T>;
};

export type FetchCall = FlightCall & {
  readonly source: BlobSource;
  readonly cause: Priority;
  /** Chunks that somebody asked for; whatever else a request brings is readahead. */
  readonly asked: ReadonlySet<number>;
};

type Collected = {
  readonly failures: Map<number, unknown>;
  readonly passedThrough: Map<number, Uint8Array>;
  readonly sources: Set<string>;
};

export class ChunkFetcher {
  readonly #components: FetcherComponents;

  constructor(components: FetcherComponents) {
    this.#components = components;
  }

  /** Never rejects: what went wrong is told per chunk. */
  async fetch(request: FetchRequest, call: FetchCall): Promise<FetchOutcome> {
    const collected: Collected = {
      failures: new Map(),
      passedThrough: new Map(),
      sources: new Set(),
    };
    // They start while the bytes are on their way.
    this.#components.pool.warmUp();
    await this.#attempt(request, call, 1, collected);
    this.#components.counters.errors += collected.failures.size > 0 ? 1 : 0;
    return collected;
  }

  async #attempt(
    request: FetchRequest,
    call: FetchCall,
    attempt: number,
    collected: Collected,
  ): Promise<void> {
    try {
      const { direct } = this.#components;
      const bad = await this.#fetchOnce(request, call, collected, direct);
      for (const [chunk, error] of bad) {
        // Whoever waits for this request did not ask for it: no second attempt keeps him.
        const isAside = call.asked.size > 0 && !call.asked.has(chunk);
        if (attempt < CHUNK_ATTEMPTS_MAX && !isAside) continue;
        collected.failures.set(chunk, error);
        bad.delete(chunk);
      }
      const again = request.units.filter((unit) => unit.chunks.some((chunk) => bad.has(chunk)));
      for (const retry of groupUnits(onlyBad(again, bad), this.#components.description.chunks)) {
        await this.#attempt(retry, call, attempt + 1, collected);
      }
    } catch (error) {
      for (const chunk of request.chunks) collected.failures.set(chunk, error);
      if (!TOO_FAR.includes(errorCode(error))) return;
      const own = unitsOf(request, call.asked);
      if (own.length === 0 || own.length === request.units.length) return;
      // What only came along may be what is not there.
      for (const alone of groupUnits(own, this.#components.description.chunks)) {
        for (const chunk of alone.chunks) collected.failures.delete(chunk);
        await this.#attempt(alone, call, attempt, collected);
      }
    }
  }

  /** The chunks that did not verify. */
  async #fetchOnce(
    request: FetchRequest,
    call: FetchCall,
    collected: Collected,
    direct: FetcherComponents['direct'],
  ): Promise<Map<number, unknown>> {
    const { description, pool } = this.#components;
    const listeners: VerdictListener[] = [];
    const stored = await this.#read(request, call, collected.sources, listeners);
    const { job, placed } = decompressJob(description, request, stored, direct?.fd);
    const isUrgent = call.priority() === 'demand';
    const syncFailures = direct?.syncFailures();
    const { signal } = call;
    const options = { signal, isUrgent, endsWithJob: direct !== undefined };
    const result = await pool.run('verify-decompress', job, options);
    const bad = new Map<number, unknown>();
    for (const { unit, part, reason } of result.failures) {
      const chunk = request.units[unit]?.chunks[part];
      if (chunk === undefined) continue;
      const detail =
        reason === 'digest' ? 'its digest is another' : 'its bytes do not decompress to its size';
      bad.set(chunk, new ChunkCorruptError(description.blobId, chunk, detail));
    }
    tellVerdicts(request, description.chunks, bad, listeners);
    const good = placed.filter(({ chunk }) => !bad.has(chunk));
    if (result.writtenBytes === undefined) {
      await this.#keep(new Uint8Array(result.raw), good, collected);
    } else if (direct?.syncFailures() === syncFailures) {
      direct?.onWritten(result.writtenBytes);
      this.#components.onPresent(good.map(({ chunk }) => chunk));
    } else {
      // Written while a sync failed, so perhaps lost: once more, by the way that keeps the bytes.
      return await this.#fetchOnce(request, call, collected, undefined);
    }
    return bad;
  }

  async #read(
    request: FetchRequest,
    call: FetchCall,
    sources: Set<string>,
    listeners: VerdictListener[],
  ): Promise<Buffer> {
    const { description, counters } = this.#components;
    counters.requests++;
    const { blobId, storedBytes } = description;
    const blob = storedBytes > 0 ? { blobId, sizeBytes: storedBytes } : { blobId };
    const { storedOffset, storedBytes: length } = request;
    let askedLeft = askedBytes(request, call.asked);
    const reading = exactSource(call.source).read(blob, storedOffset, length, {
      signal: call.signal,
      priority: call.priority,
      onVerdict: (listener) => listeners.push(listener),
      onFetched: (name, bytes) => {
        sources.add(name);
        const asked = Math.min(bytes, askedLeft);
        askedLeft -= asked;
        if (asked > 0) counters.countFetched(name, call.cause, asked);
        if (bytes > asked) counters.countFetched(name, 'readahead', bytes - asked);
      },
    });
    // A source that ignores its signal must not keep anybody.
    return await call.reading(orAbort(reading, call.signal));
  }

  async #keep(
    raw: Uint8Array,
    placed: readonly PlacedChunk[],
    collected: Collected,
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
        collected.passedThrough.set(first.chunk, bytes.slice());
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

/** They are the first of a request. */
function unitsOf({ units }: FetchRequest, asked: ReadonlySet<number>): PlannedUnit[] {
  return units.filter((unit) => unit.chunks.some((chunk) => asked.has(chunk)));
}

/** Stored bytes. */
function askedBytes(request: FetchRequest, asked: ReadonlySet<number>): number {
  return unitsOf(request, asked).reduce((sum, { storedSize }) => sum + storedSize, 0);
}

function onlyBad(
  units: readonly PlannedUnit[],
  bad: ReadonlyMap<number, unknown>,
): readonly PlannedUnit[] {
  return units.map((unit) => ({
    ...unit,
    chunks: unit.chunks.filter((chunk) => bad.has(chunk)),
  }));
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
