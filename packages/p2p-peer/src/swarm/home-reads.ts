/**
 * What a home reads for others: each byte once, however many ask for it, and from the origin of the
 * repository that they may read. A block goes out as soon as it has come, while the rest of the read is on
 * its way. A few wait for each; whoever comes later has it of those.
 */
import { type BlobSource, type Priority, SourceBusyError } from '@shoal/blob-store';
import { LRUCache } from 'lru-cache';
import { PeerClosedError, PeerUnavailableError } from '../errors.ts';
import type { PeerId } from '../identity/peer-id.ts';
import { HOME_FETCH_BYTES_MAX } from '../limits.ts';
import type { PeerCounts } from '../peer-counts.ts';
import { type ByteRange, rangeBytes } from '../ranges/byte-range.ts';
import type { StoredBlob } from '../store/stored-blob.ts';
import type { ServeCall } from '../wire/blob-wire.ts';
import { WireRejectedError } from '../wire/errors.ts';
import type { FlightCall, FlightEnd } from './flight.ts';
import type { HomeGate } from './home-gate.ts';
import { KeptParts } from './kept-parts.ts';
import {
  HOME_FAILING_MS,
  HOME_GAPS_MAX,
  HOME_READS_MAX,
  HOME_READS_PER_PEER_MAX,
  HOME_REPOSITORIES_MAX,
  HOME_WAITERS_MAX,
} from './limits.ts';
import { SharedReads } from './shared-reads.ts';
import type { SwarmFetches } from './swarm-fetches.ts';
import { Turnstile } from './turnstile.ts';

/** A way to a repository's origin for others. */
export type HomeOrigin = {
  readonly origin: BlobSource;
  /** The configuration names its registry: what it gives is taken for right. */
  readonly isBelieved: boolean;
};

/** `isRead`: this host reads the blob from that repository itself. Undefined where there is none. */
export type HomeOriginOf = (repository: string, isRead: boolean) => HomeOrigin | undefined;

export type HomeReadsInput = {
  readonly stored: StoredBlob;
  readonly fetches: Pick<SwarmFetches, 'fetch'>;
  readonly originOf: HomeOriginOf;
  /** The blob is known to be in that repository. */
  readonly knows: (repository: string) => boolean;
  /** The origin of the repository has given bytes of the blob. */
  readonly onLearnt: (repository: string) => void;
  readonly counts: Pick<PeerCounts, 'homeRead'>;
  /** An origin has given so many bytes for others. */
  readonly onHomeBytes: (bytes: number, cause: Priority) => void;
  /** Of this host, over all its blobs. */
  readonly gate: HomeGate;
  readonly nowMs: () => number;
};

/** Whose read it is. */
export type HomeReader = { readonly peerId: PeerId; readonly repository: string };

export class HomeReads {
  readonly #input: HomeReadsInput;
  /** By repository. */
  readonly #reads = new LRUCache<string, SharedReads>({ max: HOME_REPOSITORIES_MAX });
  /** Origins that have just failed are not asked for each who comes. */
  readonly #failingUntil = new LRUCache<string, number>({ max: HOME_REPOSITORIES_MAX });
  readonly #closing = new AbortController();
  readonly #readers = new Turnstile<PeerId>(HOME_READS_PER_PEER_MAX);
  /** Which host waits for which block. */
  readonly #questions = new Set<string>();
  /** By the first byte of their block. */
  readonly #waiters = new Turnstile<number>(HOME_WAITERS_MAX);

  constructor(input: HomeReadsInput) {
    this.#input = input;
  }

  /**
   * Rejects with `ERR_P2P_WIRE_REJECTED` when too many wait, with `ERR_P2P_PEER_UNAVAILABLE` when the origin
   * does not give it, or with the reason of the signal.
   */
  async read(
    { peerId, repository }: HomeReader,
    range: ByteRange,
    { signal, priority }: ServeCall,
  ): Promise<Buffer> {
    const { nowMs } = this.#input;
    if ((this.#failingUntil.get(repository) ?? 0) > nowMs()) throw new PeerUnavailableError(range);
    // Names that nobody here knows must not take the places of others.
    if (this.#originOf(repository) === undefined) throw new PeerUnavailableError(range);
    const reads = this.#readsOf(repository);
    const leave = this.#enter(peerId, range, reads);
    try {
      return await reads.read(range, { signal, priority });
    } catch (error) {
      signal.throwIfAborted();
      // Nobody has asked the origin.
      if (error instanceof SourceBusyError) {
        throw new WireRejectedError(range.start, rangeBytes(range));
      }
      this.#failingUntil.set(repository, nowMs() + HOME_FAILING_MS);
      // Whoever asked has a way to the origin of his own, perhaps a better one.
      throw new PeerUnavailableError(range, { cause: error });
    } finally {
      leave();
    }
  }

  /** All of them end. Idempotent. */
  close(): void {
    this.#closing.abort(new PeerClosedError());
  }

  #enter(peerId: PeerId, range: ByteRange, reads: SharedReads): () => void {
    // Made where it is thrown: an error costs as much as sending a block.
    const busy = () => new WireRejectedError(range.start, rangeBytes(range));
    // Nobody takes the places of others by asking twice.
    const question = `${peerId} ${range.start}`;
    if (reads.count >= HOME_READS_MAX || this.#questions.has(question)) throw busy();
    if (!this.#readers.enter(peerId)) throw busy();
    if (!this.#waiters.enter(range.start)) {
      this.#readers.leave(peerId);
      throw busy();
    }
    this.#questions.add(question);
    return () => {
      this.#questions.delete(question);
      this.#readers.leave(peerId);
      this.#waiters.leave(range.start);
    };
  }

  #originOf(repository: string): HomeOrigin | undefined {
    const { originOf, knows } = this.#input;
    return originOf(repository, knows(repository));
  }

  #readsOf(repository: string): SharedReads {
    const known = this.#reads.get(repository);
    if (known !== undefined) return known;
    // Bytes that are not kept are of no use to those who ask later.
    const isKept = this.#originOf(repository)?.isBelieved === true;
    const reads = new SharedReads({
      bytesMax: HOME_FETCH_BYTES_MAX,
      ...(isKept ? { goOnUntil: this.#closing.signal } : {}),
      read: (range, call) => this.#read(range, repository, call),
    });
    this.#reads.set(repository, reads);
    return reads;
  }

  async #read(range: ByteRange, repository: string, call: FlightCall): Promise<FlightEnd> {
    const { knows } = this.#input;
    const { signal, priority, onRaised } = call;
    // Some may have come since it was asked for: it is not asked of the origin again.
    const missing = knows(repository) ? await this.#readHeld(range, call) : [range];
    if (missing.length === 0) return {};
    const home = this.#originOf(repository);
    if (home === undefined) throw new PeerUnavailableError(range);
    const ends = await Promise.all(
      missing.map((part) =>
        this.#input.gate.run(
          { bytes: rangeBytes(part), signal, priority, onRaised },
          (urgency) =>
            this.#fetch(part, repository, home, {
              ...partOf(range, part, call),
              priority: urgency,
            }),
          ({ kept }) => Promise.resolve(kept),
        ),
      ),
    );
    return { kept: Promise.all(ends.map(({ kept }) => kept)) };
  }

  /** Returns what is not held. */
  async #readHeld(range: ByteRange, call: FlightCall): Promise<readonly ByteRange[]> {
    const { stored } = this.#input;
    const missing = stored.held.missing(range);
    if (rangeBytes(range) === missing.reduce((sum, part) => sum + rangeBytes(part), 0))
      return [range];
    // Many short reads of the origin cost more than what is read twice.
    if (missing.length > HOME_GAPS_MAX) return [range];
    for (const part of stored.held.intersect(range)) {
      const { memory } = partOf(range, part, call);
      const held = await stored.read(part.start, memory.length, memory).catch(() => undefined);
      if (held === undefined) return [range];
      call.onHere(part);
    }
    return missing;
  }

  /**
   * From the origin alone: what other hosts have is not verified here. What an origin has given that
   * the configuration names is held, be it that the rest does not come; of others it is passed on.
   */
  async #fetch(
    range: ByteRange,
    repository: string,
    { origin, isBelieved }: HomeOrigin,
    { signal, priority, cause, memory, onHere }: FlightCall,
  ): Promise<FlightEnd> {
    const { stored, fetches, onLearnt, onHomeBytes, counts } = this.#input;
    const parts = isBelieved ? new KeptParts(stored.deposit(), memory, range.start) : undefined;
    let kept: Promise<void> | undefined;
    try {
      await fetches.fetch(range, {
        ...{ mode: 'origin-only', origin, signal, priority, memory },
        onFetched: (_, bytes) => onHomeBytes(bytes, cause()),
        onBytes: (_, part) => {
          onHere(part);
          parts?.add(part);
        },
      });
      onLearnt(repository);
      counts.homeRead('done');
    } catch (error) {
      if (!signal.aborted) counts.homeRead('failed');
      throw error;
    } finally {
      kept = parts?.end();
    }
    return kept === undefined ? {} : { kept };
  }
}

/** The call for a part of the range. */
function partOf(range: ByteRange, part: ByteRange, call: FlightCall): FlightCall {
  const { signal, priority, cause, onHere, onRaised } = call;
  const memory = call.memory.subarray(part.start - range.start, part.end - range.start);
  return { signal, priority, cause, onHere, onRaised, memory };
}
