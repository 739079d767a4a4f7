/**
 * Carries out one planned request: reads the range and has it decoded. What somebody waits for lies at its
 * front, and is decoded as soon as it has come, while the rest is on its way. A chunk that is wrong costs
 * only itself; it is fetched again a few times.
 */
import { orAbort } from '@shoal/concurrency';
import { errorCode } from '@shoal/errors';
import { CHUNK_ATTEMPTS_MAX } from '../limits.ts';
import type { BlobReadOptions, BlobSource, VerdictListener } from '../source/blob-source.ts';
import { exactSource } from '../source/exact-source.ts';
import type { Priority } from '../source/priority.ts';
import type { BlobCounters } from './blob-counters.ts';
import type { StoredUnits } from './decompress-plan.ts';
import { type FetchRequest, groupUnits, type PlannedUnit } from './fetch-plan.ts';
import { FrontBytes } from './front-bytes.ts';
import {
  type DecodeOutcome,
  type DecoderComponents,
  type DirectFile,
  UnitDecoder,
} from './unit-decoder.ts';
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

export type FetcherComponents = DecoderComponents & {
  readonly counters: BlobCounters;
  readonly direct: DirectFile | undefined;
};

/** A request on its way, as seen from inside. */
export type FlightCall = {
  readonly signal: AbortSignal;
  /** Asked again while a read waits: it may have been raised. */
  readonly priority: () => Priority;
  /** Waits for a source's answer. */
  readonly reading: <T>(answer: Promise<T>) => Promise<T>;
  /** Every chunk that somebody asked for is present, while others are on their way. */
  readonly onAskedPresent: (sources: ReadonlySet<string>) => void;
};

export type FetchCall = FlightCall & {
  readonly source: BlobSource;
  readonly cause: Priority;
  /** Chunks that somebody asked for; whatever else a request brings is readahead. */
  readonly asked: ReadonlySet<number>;
  /** Signalled once chunks may be read: see `EnsureOptions`. */
  readonly readyEventFd?: number | undefined;
};

type Collected = {
  readonly failures: Map<number, unknown>;
  readonly passedThrough: Map<number, Uint8Array>;
  readonly sources: Set<string>;
};

/** What was asked for of a request that brings more. */
type Front = {
  readonly bytes: FrontBytes;
  readonly unitCount: number;
  /** Once its bytes are here. */
  decoding: Promise<DecodeOutcome> | undefined;
};

function frontOptions({ bytes }: Front): Pick<BlobReadOptions, 'onBytes' | 'frontBytes'> {
  return { frontBytes: bytes.length, onBytes: (at, part) => bytes.add(at, part) };
}

/** Who hears of a read. */
type Hearing = {
  readonly collected: Collected;
  readonly listeners: VerdictListener[];
  readonly front: Front | undefined;
};

export class ChunkFetcher {
  readonly #components: FetcherComponents;
  readonly #decoder: UnitDecoder;

  constructor(components: FetcherComponents) {
    this.#components = components;
    this.#decoder = new UnitDecoder(components);
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
    direct: DirectFile | undefined,
  ): Promise<Map<number, unknown>> {
    const { units, storedOffset } = request;
    const front = this.#openFront(request, call, collected, direct);
    const listeners: VerdictListener[] = [];
    const stored = await this.#read(request, call, { collected, listeners, front });
    const early = await front?.decoding?.catch(() => undefined);
    const isFrontRight = early?.size === 0 && collected.passedThrough.size === 0;
    // Verdicts are of what was answered, not of what another try has told.
    const isDone = isFrontRight && front?.bytes.isFrontOf(stored) === true;
    const rest = isDone ? units.slice(front?.unitCount) : units;
    const bad = await this.#decode({ units: rest, storedOffset, stored }, call, collected, direct);
    // Once more, by the way that keeps the bytes.
    if (bad === undefined) return await this.#fetchOnce(request, call, collected, undefined);
    tellVerdicts(request, this.#components.description.chunks, bad, listeners);
    return bad;
  }

  /** Undefined where all of the request was asked for, or nothing of it, or no thread may write. */
  #openFront(
    request: FetchRequest,
    call: FetchCall,
    collected: Collected,
    direct: DirectFile | undefined,
  ): Front | undefined {
    const units = unitsOf(request, call.asked);
    const isPart = units.length > 0 && units.length < request.units.length;
    if (!isPart || direct === undefined) return undefined;
    const { storedOffset } = request;
    const bytes = new FrontBytes(storedOffset, bytesOf(units), (told) => {
      // A copy: the thread takes it.
      const stored = Buffer.from(new Uint8Array(told).buffer);
      front.decoding = this.#decode({ units, storedOffset, stored }, call, collected, direct);
      void front.decoding.then(
        (bad) => {
          const { sources, passedThrough } = collected;
          if (bad?.size !== 0 || passedThrough.size > 0) return;
          // Peers say who they are with their bytes; where bytes come from themselves, when all have come.
          const isKnown = sources.size > 0;
          call.onAskedPresent(new Set(isKnown ? sources : [call.source.name]));
        },
        // The read that goes on tells of it.
        () => undefined,
      );
    });
    const front: Front = { bytes, unitCount: units.length, decoding: undefined };
    return front;
  }

  async #decode(
    stored: StoredUnits,
    call: FetchCall,
    { passedThrough }: Collected,
    direct: DirectFile | undefined,
  ): Promise<DecodeOutcome> {
    if (stored.units.length === 0) return new Map();
    return await this.#decoder.decode(stored, {
      ...{ signal: call.signal, isUrgent: call.priority() === 'demand', direct },
      readyEventFd: call.readyEventFd,
      onPassedThrough: (chunk, bytes) => passedThrough.set(chunk, bytes),
    });
  }

  async #read(
    request: FetchRequest,
    call: FetchCall,
    { collected: { sources }, listeners, front }: Hearing,
  ): Promise<Buffer> {
    const { description, counters } = this.#components;
    counters.requests++;
    const { blobId, storedBytes } = description;
    const blob = storedBytes > 0 ? { blobId, sizeBytes: storedBytes } : { blobId };
    const { storedOffset, storedBytes: length } = request;
    let askedLeft = bytesOf(unitsOf(request, call.asked));
    const reading = exactSource(call.source).read(blob, storedOffset, length, {
      signal: call.signal,
      priority: call.priority,
      onVerdict: (listener) => listeners.push(listener),
      ...(front === undefined ? {} : frontOptions(front)),
      onFetched: (name, bytes) => {
        sources.add(name);
        const asked = Math.min(bytes, askedLeft);
        askedLeft -= asked;
        if (asked > 0) counters.countFetched(name, call.cause, asked);
        if (bytes > asked) counters.countFetched(name, 'readahead', bytes - asked);
      },
    });
    try {
      // A source that ignores its signal must not keep anybody.
      return await call.reading(orAbort(reading, call.signal));
    } catch (error) {
      // What has come is somebody's, whatever became of the rest.
      await front?.decoding?.catch(() => undefined);
      throw error;
    } finally {
      front?.bytes.close();
    }
  }
}

/** They are the first of a request. */
function unitsOf({ units }: FetchRequest, asked: ReadonlySet<number>): PlannedUnit[] {
  return units.filter((unit) => unit.chunks.some((chunk) => asked.has(chunk)));
}

/** Stored. */
function bytesOf(units: readonly PlannedUnit[]): number {
  return units.reduce((sum, { storedSize }) => sum + storedSize, 0);
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
