/**
 * One blob of the cache while somebody has it open: which chunks are present, which are on their
 * way, and how a range becomes readable. Handles of several mounts share one entry.
 */
import { DIGEST_BYTES } from '../codec/codec-jobs.ts';
import type { BlobDescription } from '../description/blob-description.ts';
import { blockEnd, type ChunkRun, chunksOfRange } from '../description/chunk-lookup.ts';
import { ChunkLostError, ClosedError } from '../errors.ts';
import { AccessPattern, NO_READAHEAD } from '../fetch/access-pattern.ts';
import { BlobCounters } from '../fetch/blob-counters.ts';
import { ChunkFetcher, type FetchOutcome } from '../fetch/chunk-fetcher.ts';
import { ChunkFlights, type Landing } from '../fetch/chunk-flights.ts';
import { ChunkRequests } from '../fetch/chunk-requests.ts';
import { paddedSize } from '../fetch/decompress-plan.ts';
import { startBehind } from '../fetch/start-behind.ts';
import type { DirectFile } from '../fetch/unit-decoder.ts';
import { ENSURE_STEP_BYTES } from '../limits.ts';
import type { BlobSource } from '../source/blob-source.ts';
import type { Priority } from '../source/priority.ts';
import { AdoptedChunks } from './adopted-chunks.ts';
import { ChunkPresence } from './chunk-presence.ts';
import type { EntryComponents } from './entry-components.ts';

/** One reader's call. */
export type EntryCall = {
  readonly source: BlobSource;
  readonly priority: Priority;
  readonly signal: AbortSignal;
  /** False: on a full disk the call ends with the first bytes that cannot be kept. */
  readonly wantsLoose: boolean;
  /** Told the names of sources that delivered what the call waited for. */
  readonly onSource?: ((name: string) => void) | undefined;
  /** Signalled once chunks may be read: see `EnsureOptions`. */
  readonly readyEventFd?: number | undefined;
  /** Who asks: what it starts ahead of a reader ends with it. */
  readonly owner: unknown;
  /** False once the owner closes: nothing may start for it any more. */
  readonly mayStart: () => boolean;
};

/** Verified bytes of chunks that are in no file because the disk is full. */
export type LooseChunks = Map<number, Uint8Array>;

type Failure = { readonly error: unknown; readonly isOthers: boolean };

export class BlobEntry {
  readonly description: BlobDescription;
  readonly presence: ChunkPresence;
  readonly counters: BlobCounters;
  readonly components: EntryComponents;
  readonly #flights: ChunkFlights;
  readonly #requests: ChunkRequests;
  readonly #adopted: AdoptedChunks;
  readonly #pattern: AccessPattern;

  constructor(description: BlobDescription, components: EntryComponents) {
    this.description = description;
    this.components = components;
    this.counters = new BlobCounters(components.onFetched);
    const { files, pool, paths, makeRoom, onWriteFailed } = components;
    const presence = new ChunkPresence(description, components);
    this.presence = presence;
    this.#flights = new ChunkFlights(components.gate);
    this.#pattern = new AccessPattern(components.readaheadBytesMax);
    const fetcher = new ChunkFetcher({
      description,
      pool,
      counters: this.counters,
      write: (bytes, position) => this.#write(bytes, position),
      direct: directFile(components, presence),
      onPresent: (chunks) => presence.confirm(chunks),
      onDoubt: (chunks) => presence.doubt(chunks),
      makeRoom,
      onWriteFailed,
    });
    this.#adopted = new AdoptedChunks({
      path: paths.data,
      description,
      pool,
      claimed: files.claimed,
      onVerified: (chunks) => presence.confirm(chunks),
      onRefuted: (chunks) => presence.refute(chunks),
    });
    this.#requests = new ChunkRequests({
      ...{ description, flights: this.#flights, gate: components.gate },
      isAbsent: (chunk) => !presence.isPresent(chunk) && !this.#adopted.isClaimed(chunk),
      fetch: async (request, call) => {
        const outcome = await fetcher.fetch(request, call);
        this.#keepPassedThrough(outcome);
        return outcome;
      },
    });
  }

  /** Makes the range's chunks present; what the disk refuses is in the answer. */
  async ensure(offset: number, length: number, call: EntryCall): Promise<LooseChunks> {
    const loose: LooseChunks = new Map();
    if (this.presence.ready.isReady(offset, length)) return loose;
    const startedAt = performance.now();
    for (let at = offset; at < offset + length; at += ENSURE_STEP_BYTES) {
      const step = Math.min(ENSURE_STEP_BYTES, offset + length - at);
      await this.#ensureStep(chunksOfRange(this.description.chunks, at, step), call, loose);
      if (loose.size > 0 && !call.wantsLoose) break;
    }
    if (call.priority === 'demand') {
      this.counters.misses++;
      this.counters.countMiss(performance.now() - startedAt);
    }
    return loose;
  }

  /** Gives up what an owner started; resolves when that is over. */
  release(owner: unknown): Promise<void> {
    return this.#flights.release(owner, new ClosedError(`blob ${this.description.blobId}`));
  }

  /** After every owner is released. */
  async close(): Promise<void> {
    await this.#adopted.drain();
    await this.presence.flush();
    await this.components.files.close();
  }

  async #ensureStep(run: ChunkRun, call: EntryCall, loose: LooseChunks): Promise<void> {
    const failure = await this.#tryStep(run, call, loose);
    if (failure === undefined) return;
    if (!failure.isOthers) throw failure.error;
    // Somebody else's request failed, perhaps for reasons of his own, or a sync: once more for ourselves.
    const again = await this.#tryStep(run, call, loose);
    if (again !== undefined) throw again.error;
  }

  async #tryStep(run: ChunkRun, call: EntryCall, loose: LooseChunks): Promise<Failure | undefined> {
    const claimed = select(run, (chunk) => this.#isClaimed(chunk));
    if (claimed.length > 0) await this.#adopted.settle(claimed, call.signal);
    if (this.components.looseChunks.size > 0) await this.#keepLoose(run, loose);
    const missing = select(run, (chunk) => !this.#isHere(chunk, loose));
    if (missing.length === 0) return undefined;
    const { chunks } = this.description;
    const end = blockEnd(chunks, run.end - 1);
    const ahead =
      call.priority === 'demand'
        ? this.#pattern.readaheadFor(chunks.offset[run.first] ?? 0, end)
        : NO_READAHEAD;
    const near = ahead.isWithRead ? this.#requests.chunksAhead(run.end, end + ahead.bytes) : [];
    const flights = this.#requests.fetchOrJoin(missing, near, call);
    const wanted = new Set(missing);
    const waiting = this.#flights.wait(flights, wanted, call.priority, call.signal);
    const isBehind = ahead.bytes > 0 && !ahead.isWithRead;
    const landings = await (isBehind
      ? this.#thenReadAhead(waiting, run.end, end + ahead.bytes, call)
      : waiting);
    return this.#collect(wanted, landings, call, loose) ?? this.#lossOf(run, loose);
  }

  async #thenReadAhead(
    waiting: Promise<Landing[]>,
    first: number,
    end: number,
    call: EntryCall,
  ): Promise<Landing[]> {
    return await startBehind(waiting, () => {
      if (call.mayStart()) this.#requests.readAhead(first, end, call);
    });
  }

  /** Takes what landed; the answer is a failure of one of our chunks, our own first. */
  #collect(
    missing: ReadonlySet<number>,
    landings: readonly Landing[],
    call: EntryCall,
    loose: LooseChunks,
  ): Failure | undefined {
    let failure: Failure | undefined;
    for (const { flight, outcome } of landings) {
      const { failures, passedThrough, sources } = outcome;
      for (const name of sources) call.onSource?.(name);
      for (const [chunk, bytes] of passedThrough) {
        if (missing.has(chunk)) loose.set(chunk, bytes);
      }
      for (const [chunk, error] of failures) {
        if (!missing.has(chunk) || this.#isHere(chunk, loose)) continue;
        const isOthers = flight.owner !== call.owner || !flight.asked.has(chunk);
        if (failure === undefined || failure.isOthers) failure = { error, isOthers };
      }
    }
    return failure;
  }

  /** What was here, or has come, may be gone: a sync that failed while more was on its way takes it back. */
  #lossOf(run: ChunkRun, loose: LooseChunks): Failure | undefined {
    const [lost] = select(run, (chunk) => !this.#isHere(chunk, loose));
    if (lost === undefined) return undefined;
    return { error: new ChunkLostError(this.description.blobId, lost), isOthers: true };
  }

  /** What was written while a sync failed may be lost: the kernel tells of a page only once. */
  async #write(bytes: Uint8Array, position: number): Promise<void> {
    const { files, onWritten } = this.components;
    for (let failures = -1; failures !== this.presence.syncFailures; ) {
      failures = this.presence.syncFailures;
      await files.writeData(bytes, position);
    }
    onWritten(bytes.length);
  }

  #isClaimed(chunk: number): boolean {
    return this.#adopted.isClaimed(chunk) && !this.presence.isPresent(chunk);
  }

  #keepPassedThrough({ passedThrough }: FetchOutcome): void {
    for (const [chunk, bytes] of passedThrough) {
      this.components.looseChunks.set(this.#looseKey(chunk), bytes);
      this.counters.bytesPassedThrough += bytes.length;
    }
  }

  /** What was fetched while the disk was full is written now if that has changed. */
  async #keepLoose(run: ChunkRun, loose: LooseChunks): Promise<void> {
    const { looseChunks } = this.components;
    for (const chunk of select(run, (index) => !this.presence.isPresent(index))) {
      const bytes = looseChunks.get(this.#looseKey(chunk));
      if (bytes?.length !== paddedSize(this.description, chunk)) continue;
      try {
        await this.#write(bytes, this.description.chunks.offset[chunk] ?? 0);
        this.presence.confirm([chunk]);
        looseChunks.delete(this.#looseKey(chunk));
      } catch {
        loose.set(chunk, bytes);
      }
    }
  }

  #isHere(chunk: number, loose: LooseChunks): boolean {
    return this.presence.isPresent(chunk) || loose.has(chunk);
  }

  /** With the digest: the next image that opens the blob may expect another one. */
  #looseKey(chunk: number): string {
    const { digester, chunks } = this.description;
    const digest = chunks.digests.subarray(chunk * DIGEST_BYTES, (chunk + 1) * DIGEST_BYTES);
    return `${this.components.fileKey} ${chunk} ${digester} ${Buffer.from(digest).toString('hex')}`;
  }
}

/** Undefined where only the components know how to write. */
function directFile(
  { files, onWritten }: EntryComponents,
  presence: ChunkPresence,
): DirectFile | undefined {
  const fd = files.dataFd;
  if (fd === undefined) return undefined;
  const readyMap = presence.ready.shared;
  return { fd, onWritten, readyMap, syncFailures: () => presence.syncFailures };
}

function select(run: ChunkRun, matches: (chunk: number) => boolean): number[] {
  const selected: number[] = [];
  for (let chunk = run.first; chunk < run.end; chunk++) {
    if (matches(chunk)) selected.push(chunk);
  }
  return selected;
}
