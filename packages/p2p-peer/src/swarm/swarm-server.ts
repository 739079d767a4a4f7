/**
 * Answers the peers of one blob: out of what is held, and as a home out of the origin. A peer is
 * answered only for a repository in which this host knows the blob to be: because it was read from
 * there, or because the repository's own origin has just given it.
 */
import type { BlobSource, Priority } from '@shoal/blob-store';
import { LRUCache } from 'lru-cache';
import { PeerClosedError, PeerUnavailableError } from '../errors.ts';
import type { HostFacts } from '../identity/host.ts';
import type { PeerId } from '../identity/peer-id.ts';
import {
  HOME_FAILING_MS,
  HOME_FETCH_BYTES_MAX,
  HOME_READS_MAX,
  HOME_READS_PER_PEER_MAX,
  HOME_REPOSITORIES_MAX,
  HOME_WAITERS_MAX,
  PIECE_BYTES,
  PIECES_HASHED_MAX,
  UPLOAD_WAIT_MS_MAX,
} from '../limits.ts';
import { type ByteRange, rangeBytes } from '../ranges/byte-range.ts';
import type { Upload, UploadSlots } from '../select/upload-slots.ts';
import type { Deposit } from '../store/deposit.ts';
import type { StoredBlob } from '../store/stored-blob.ts';
import type { BlobWire, ServedBlock, SharedBlob, WireServer } from '../wire/blob-wire.ts';
import { WireRejectedError } from '../wire/errors.ts';
import type { Pace } from './pace.ts';
import { type ReadBytes, SharedReads } from './shared-reads.ts';
import type { SwarmFetches } from './swarm-fetches.ts';
import { Turnstile } from './turnstile.ts';

export type SwarmServerInput = {
  readonly sizeBytes: number;
  readonly stored: StoredBlob;
  readonly fetches: SwarmFetches;
  readonly slots: UploadSlots;
  readonly upload: Pace;
  readonly isSeed: boolean;
  readonly originOf: HomeOriginOf;
  readonly nowMs: () => number;
  /** The origin of the repository has given bytes of the blob. */
  readonly onLearnt: (repository: string) => void;
  /** These bytes go out. */
  readonly onServed: (peer: PeerId, bytes: number) => void;
  readonly onHeld: (ranges: readonly ByteRange[]) => void;
  /** Somebody says that these share the blob. */
  readonly onNeighbours: (hosts: readonly HostFacts[]) => void;
};

type HomeCall = { readonly signal: AbortSignal; readonly priority: () => Priority };

/** A way to a repository's origin for others. */
export type HomeOrigin = {
  readonly origin: BlobSource;
  /** The configuration names its registry: what it gives is taken for right. */
  readonly isBelieved: boolean;
};

/** `isRead`: this host reads the blob from that repository itself. Undefined where there is none. */
export type HomeOriginOf = (repository: string, isRead: boolean) => HomeOrigin | undefined;

export class SwarmServer implements WireServer {
  readonly #input: SwarmServerInput;
  /** Where the blob is known to be. */
  readonly #repositories = new Set<string>();
  /** Pieces whose hash is being computed. */
  readonly #hashing = new Set<number>();
  /** What a home reads for others, by repository. */
  readonly #homeReads = new LRUCache<string, SharedReads>({ max: HOME_REPOSITORIES_MAX });
  /** Origins that have just failed are not asked for each who comes. */
  readonly #failingUntil = new LRUCache<string, number>({ max: HOME_REPOSITORIES_MAX });
  readonly #closing = new AbortController();
  /** Reads of an origin that peers wait for. */
  readonly #homeReaders = new Turnstile<PeerId>(HOME_READS_PER_PEER_MAX);
  /** Those who wait for the block at that offset: whoever comes later has it of them. */
  readonly #homeWaiters = new Turnstile<number>(HOME_WAITERS_MAX);

  constructor(input: SwarmServerInput) {
    this.#input = input;
  }

  knows(repository: string): boolean {
    return this.#repositories.has(repository);
  }

  /** The blob is in that repository: its own origin has said so. */
  learn(repository: string): void {
    this.#repositories.add(repository);
  }

  /** Whether this wire may hear what is held. */
  mayTell({ facts }: BlobWire): boolean {
    return facts.repository !== undefined && this.#repositories.has(facts.repository);
  }

  sharedWith(repository: string): SharedBlob {
    const { sizeBytes, stored } = this.#input;
    return {
      blobBytes: sizeBytes,
      server: this,
      held: () => (this.#repositories.has(repository) ? stored.held : []),
    };
  }

  async serve(
    wire: BlobWire,
    offset: number,
    length: number,
    signal: AbortSignal,
  ): Promise<ServedBlock> {
    const range = { start: offset, end: offset + length };
    const { peerId: peer } = wire.facts;
    const piece = Math.floor(offset / PIECE_BYTES);
    const upload: Upload = { peer, piece, bytes: length, priority: 'demand' };
    const pace = this.#input.upload;
    const isSlow = pace.waitMs(length, true) > UPLOAD_WAIT_MS_MAX;
    if (isSlow || !this.#input.slots.hasRoom(upload)) throw new WireRejectedError(offset, length);
    await pace.take(length, { isDemand: true, signal });
    const held = this.mayTell(wire) ? await this.#readHeld(range, upload) : undefined;
    if (held !== undefined) return held;
    // A slot is for bytes that go out, not for those that an origin is waited for.
    const bytes = await this.#readAsHome(wire, range, signal);
    this.#promise(upload);
    return this.#served(upload, bytes);
  }

  async #readHeld(range: ByteRange, upload: Upload): Promise<ServedBlock | undefined> {
    const { slots, stored } = this.#input;
    if (!stored.isHeld(range)) return undefined;
    this.#promise(upload);
    const bytes = await stored.read(range.start, rangeBytes(range)).catch(() => undefined);
    if (bytes !== undefined) return this.#served(upload, bytes);
    slots.dropped(upload);
    return undefined;
  }

  /** Blocks go out in the order that their wires have room. */
  #promise(upload: Upload): void {
    const { slots, nowMs } = this.#input;
    slots.admit(upload, nowMs());
    slots.next();
  }

  #served(upload: Upload, bytes: Buffer): ServedBlock {
    const { slots, onServed, nowMs } = this.#input;
    onServed(upload.peer, upload.bytes);
    return { bytes, onGone: () => slots.sent(upload, nowMs()) };
  }

  /** To those who may know what is held; others could find out what is in a blob that they may not read. */
  hashes(wire: BlobWire, firstPiece: number, count: number): readonly (Buffer | undefined)[] {
    const mayKnow = this.mayTell(wire);
    return Array.from({ length: count }, (_, index) =>
      mayKnow ? this.#hashOf(firstPiece + index) : undefined,
    );
  }

  /** One that is not known yet is computed, for the next who asks. */
  #hashOf(piece: number): Buffer | undefined {
    const { stored, sizeBytes } = this.#input;
    const known = stored.pieceHash(piece);
    if (known !== undefined || this.#hashing.has(piece)) return known;
    const start = piece * PIECE_BYTES;
    const isHeld = stored.isHeld({ start, end: Math.min(start + PIECE_BYTES, sizeBytes) });
    if (!isHeld || this.#hashing.size >= PIECES_HASHED_MAX) return undefined;
    this.#hashing.add(piece);
    void stored
      .hashPiece(piece)
      .then((hash) => (hash === undefined ? undefined : stored.setPieceHash(piece, hash)))
      .catch(() => undefined)
      .finally(() => this.#hashing.delete(piece));
    return undefined;
  }

  /** What is read for others ends. */
  close(): void {
    this.#closing.abort(new PeerClosedError());
  }

  onHeld(_: BlobWire, ranges: readonly ByteRange[]): void {
    this.#input.onHeld(ranges);
  }

  onNeighbours(_: BlobWire, hosts: readonly HostFacts[]): void {
    this.#input.onNeighbours(hosts);
  }

  async #readAsHome(wire: BlobWire, range: ByteRange, signal: AbortSignal): Promise<Buffer> {
    const { fetches, isSeed, nowMs } = this.#input;
    const { repository, peerId } = wire.facts;
    const isHome = isSeed || fetches.isHome(range);
    if (repository === undefined || !isHome || this.#isFailing(repository)) {
      throw new PeerUnavailableError(range);
    }
    const busy = new WireRejectedError(range.start, rangeBytes(range));
    const reads = this.#homeReadsOf(repository);
    if (reads.count >= HOME_READS_MAX) throw busy;
    if (!this.#homeReaders.enter(peerId)) throw busy;
    if (!this.#homeWaiters.enter(range.start)) {
      this.#homeReaders.leave(peerId);
      throw busy;
    }
    try {
      return await reads.read(range, { signal, priority: 'demand' });
    } catch (error) {
      if (!signal.aborted) this.#failingUntil.set(repository, nowMs() + HOME_FAILING_MS);
      // Whoever asked has a way to the origin of his own, perhaps a better one.
      throw new PeerUnavailableError(range, { cause: error });
    } finally {
      this.#homeReaders.leave(peerId);
      this.#homeWaiters.leave(range.start);
    }
  }

  #isFailing(repository: string): boolean {
    return (this.#failingUntil.get(repository) ?? 0) > this.#input.nowMs();
  }

  #homeReadsOf(repository: string): SharedReads {
    const known = this.#homeReads.get(repository);
    if (known !== undefined) return known;
    const reads = new SharedReads({
      ...{ bytesMax: HOME_FETCH_BYTES_MAX, goOnUntil: this.#closing.signal },
      read: (range, call) => this.#fetchAsHome(range, repository, call),
    });
    this.#homeReads.set(repository, reads);
    return reads;
  }

  /**
   * From the origin alone: what other hosts have is not verified here. What an origin has given that
   * the configuration names is held; of others it is passed on.
   */
  async #fetchAsHome(
    range: ByteRange,
    repository: string,
    { signal, priority }: HomeCall,
  ): Promise<ReadBytes> {
    const { stored, fetches, originOf } = this.#input;
    const home = originOf(repository, this.#repositories.has(repository));
    if (home === undefined) throw new PeerUnavailableError(range);
    const { origin, isBelieved } = home;
    const deposit = stored.deposit();
    const writes: Promise<unknown>[] = [];
    try {
      const bytes = await fetches.fetch(range, {
        ...{ mode: 'origin-only', origin, signal, priority },
        onBytes: (_, part, sent) => {
          if (isBelieved) writes.push(keep(deposit, part, sent));
        },
      });
      this.#input.onLearnt(repository);
      return { bytes, kept: Promise.all(writes) };
    } finally {
      void Promise.all(writes).then(() => deposit.close());
    }
  }
}

/** Never rejects. */
async function keep(deposit: Deposit, range: ByteRange, bytes: Buffer): Promise<void> {
  await deposit.write(range.start, bytes);
  deposit.settle(range.start, bytes.length, 'right');
}
