/**
 * The reads of a blob that are under way, each over what is known of its peers at that moment: who
 * comes, goes, or tells that it holds more is told to all of them.
 */
import type { BlobReadOptions, BlobSource, Priority } from '@shoal/blob-store';
import type { BlobId } from '@shoal/oci';
import type { HostDirectory } from '../hosts/host-directory.ts';
import { type PeerId, peerIdOf } from '../identity/peer-id.ts';
import { EXTENT_BYTES } from '../limits.ts';
import type { PeerCounts } from '../peer-counts.ts';
import { type ByteRange, rangeBytes } from '../ranges/byte-range.ts';
import type { Bans } from '../select/bans.ts';
import type { ReadCredit } from '../select/credits.ts';
import type { SwarmView } from '../select/read-action.ts';
import { READ_POLICY } from '../select/read-policy.ts';
import type { Refusals } from '../select/refusals.ts';
import type { BlockRequestOptions } from '../wire/blob-wire.ts';
import { failureOf } from './ask-failure.ts';
import { patienceTimes } from './busy-host.ts';
import type { HostLimits } from './host-limits.ts';
import { RangeFetch } from './range-fetch.ts';
import type { OriginReadOptions, RangeFetchInput } from './range-fetch-input.ts';
import { readHearingSize } from './said-size.ts';
import type { SwarmWires } from './swarm-wires.ts';

export type SwarmFetchesInput = {
  readonly blobId: BlobId;
  readonly sizeBytes: number;
  readonly wires: SwarmWires;
  readonly directory: HostDirectory;
  readonly bans: Bans;
  readonly refusals: Refusals;
  readonly limits: Pick<HostLimits, 'downloadWindow' | 'downloadRate'>;
  readonly counts: PeerCounts;
  readonly nowMs: () => number;
  /** What an origin says that the blob has; throws where that cannot be. */
  readonly onSize: (sizeBytes: number | undefined) => void;
};

/** For whom: a reader who verifies what he gets, who believes homes and the origin, or the origin alone. */
export type FetchMode = 'verifying' | 'believing' | 'origin-only';

export type FetchCall = {
  readonly mode: FetchMode;
  readonly origin: BlobSource;
  readonly signal: AbortSignal;
  readonly priority: () => Priority;
  /** The bytes that count; they stay as they are until what it returns resolves. */
  readonly onBytes: RangeFetchInput['onBytes'];
  /** Told of what the origin brings, as it comes; whether it counts shows when `onBytes` has it. */
  readonly onOriginBytes?: BlobReadOptions['onBytes'];
  /** Of the range, that somebody waits for; the rest comes along. @default all alike */
  readonly frontBytes?: number | undefined;
  /** Told of what is asked of whom. @default nobody is asked who needs any */
  readonly credit?: ReadCredit;
  /** Filled and told of as the bytes of the origin come: see `RangeFetchInput`. */
  readonly memory?: RangeFetchInput['memory'];
  /** Of the origin's reads. */
  readonly onFetched?: BlobReadOptions['onFetched'];
};

const NOBODY: SwarmView = {
  holders: () => [],
  homes: () => ['self'],
  heardAtMs: () => Number.NEGATIVE_INFINITY,
  pauseMs: () => 0,
  knownPeers: 0,
};

export class SwarmFetches {
  readonly name: string;
  readonly #input: SwarmFetchesInput;
  readonly #running = new Set<RangeFetch>();
  readonly #selfId: PeerId;
  readonly #view: SwarmView;
  /** Of those who believe homes only. */
  readonly #homesView: SwarmView;

  constructor(input: SwarmFetchesInput) {
    this.#input = input;
    this.name = `blob ${input.blobId}`;
    const { wires, directory } = input;
    this.#selfId = peerIdOf(directory.self.host);
    this.#view = this.#viewWith((range) => wires.holders(range));
    this.#homesView = this.#viewWith((range) => {
      const homes = this.homes(range);
      return wires.holders(range).filter(({ peer }) => homes.includes(peer));
    });
  }

  /** Rejects with the origin's error when nobody has the bytes, or with the signal's reason. */
  async fetch(range: ByteRange, call: FetchCall): Promise<Buffer> {
    const { mode, signal, priority } = call;
    if (mode !== 'origin-only') {
      await this.#input.limits.downloadRate.enter(this, rangeBytes(range), { signal, priority });
    }
    const fetch = new RangeFetch(range, this.#inputOf(range, call), { signal, priority });
    this.#running.add(fetch);
    try {
      return await fetch.run();
    } finally {
      this.#running.delete(fetch);
    }
  }

  /** What waits for the limit waits no longer. */
  close(): void {
    this.#input.limits.downloadRate.refuse(this);
  }

  /** By rank. A range lies in the extent of its first byte. */
  homes({ start }: ByteRange): readonly PeerId[] {
    const { blobId, directory } = this.#input;
    const homes = directory.homes(blobId, Math.floor(start / EXTENT_BYTES));
    return homes.map(({ host }) => peerIdOf(host));
  }

  isHome(range: ByteRange): boolean {
    return this.homes(range).includes(this.#selfId);
  }

  /** By rank, without this host. */
  otherHomes(range: ByteRange): readonly PeerId[] {
    return this.homes(range).filter((peer) => peer !== this.#selfId);
  }

  /** Somebody who is no home has told that he holds all of it. */
  hasOtherHolders(range: ByteRange): boolean {
    const homes = this.homes(range);
    return this.#input.wires.holders(range).some(({ peer }) => !homes.includes(peer));
  }

  joined(peer: PeerId): void {
    for (const fetch of [...this.#running]) fetch.joined(peer);
  }

  /**
   * A home that is lost while somebody reads is taken for gone, so that its extents have another one at
   * once; it is dialled, and is back when it answers.
   */
  lost(peer: PeerId): void {
    const { directory, wires } = this.#input;
    const facts = directory.facts(peer);
    if (this.#running.size > 0 && facts !== undefined && directory.isHome(facts)) {
      directory.miss(facts.host);
      void wires.wireTo(peer).catch(() => undefined);
    }
    for (const fetch of [...this.#running]) fetch.lost(peer);
  }

  /** It has lied, of whatever blob: what it was asked for is asked of others. */
  dismiss(peer: PeerId): void {
    for (const fetch of [...this.#running]) fetch.dismiss(peer);
  }

  holdersChanged(ranges: readonly ByteRange[]): void {
    for (const fetch of [...this.#running]) {
      for (const range of ranges) fetch.holdersChanged(range);
    }
  }

  async #ask(
    peer: PeerId,
    range: ByteRange,
    options: BlockRequestOptions,
    credit: ReadCredit | undefined,
  ): Promise<Buffer> {
    const { wires, limits, nowMs } = this.#input;
    const { downloadWindow } = limits;
    const length = rangeBytes(range);
    const askedAtMs = nowMs();
    downloadWindow.asked(length);
    credit?.asked(peer, length);
    try {
      const wire = await wires.wireTo(peer);
      const bytes = await wire.request(range.start, length, options);
      this.#answered(peer, length, askedAtMs);
      return bytes;
    } catch (error) {
      // What is cancelled may have been sent all the same: it counts until its read has ended.
      if (options.signal?.aborted !== true) credit?.unanswered(peer, length);
      if (failureOf(error).kind === 'refused') this.#refused(peer, range);
      throw error;
    } finally {
      downloadWindow.ended(length);
    }
  }

  #answered(peer: PeerId, length: number, askedAtMs: number): void {
    const { wires, bans, refusals, limits, counts, nowMs } = this.#input;
    limits.downloadWindow.arrived(length, nowMs());
    bans.answered(peer, nowMs());
    refusals.answered(peer);
    counts.took(wires.distanceOf(peer), nowMs() - askedAtMs);
    wires.used(peer);
  }

  #refused(peer: PeerId, range: ByteRange): void {
    const { wires, refusals, nowMs } = this.#input;
    refusals.refused(peer, wires.holds(peer, range), nowMs(), Math.random());
  }

  async #readOrigin(
    { origin, onFetched, onOriginBytes }: FetchCall,
    range: ByteRange,
    options: OriginReadOptions,
  ): Promise<Buffer> {
    const { bytes, said } = await readHearingSize(origin, this.#input, range, {
      ...(onOriginBytes === undefined ? {} : { onBytes: onOriginBytes }),
      ...(onFetched === undefined ? {} : { onFetched }),
      ...options,
    });
    this.#input.onSize(said);
    return bytes;
  }

  #viewWith(holders: SwarmView['holders']): SwarmView {
    const { wires, directory } = this.#input;
    return {
      holders,
      homes: (range) =>
        this.homes(range).map((peer) =>
          peer === this.#selfId ? 'self' : wires.candidate(peer, true),
        ),
      heardAtMs: (peer) => wires.heardAtMs(peer),
      pauseMs: (peer) => wires.pauseMs(peer),
      get knownPeers() {
        return directory.live().length;
      },
    };
  }

  #viewOf(mode: FetchMode): SwarmView {
    if (mode === 'origin-only') return NOBODY;
    return mode === 'believing' ? this.#homesView : this.#view;
  }

  #inputOf(range: ByteRange, call: FetchCall): RangeFetchInput {
    const { mode, memory, credit, onBytes, frontBytes = 0 } = call;
    const { bans, wires, limits, counts, nowMs } = this.#input;
    return {
      view: this.#viewOf(mode),
      policy: {
        asksHomes: mode !== 'origin-only',
        // A home would ask the origin once for each part.
        frontBytes: wires.holders(range).length > 0 ? frontBytes : 0,
        roomBytes: () => limits.downloadWindow.roomBytes,
        silenceMs: READ_POLICY.silenceMs * patienceTimes(),
      },
      ask: (peer, range, options) => this.#ask(peer, range, options, credit),
      readOrigin: (part, options) => this.#readOrigin(call, part, options),
      memory,
      failureOf,
      onBytes,
      // One that is still being dialled is asked again as soon as its wire is open.
      onGivenUp: (peer, how) => {
        if (!wires.isOpening(peer)) bans.slow(peer, nowMs(), how);
      },
      counts,
      nowMs,
    };
  }
}
