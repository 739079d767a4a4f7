/**
 * The blobs that standard clients may have: those of which something is held here that anybody reads at
 * the repository's own registry without credentials, and whose torrent is real. That is asked again and
 * again, and counts for a bounded time: what was not affirmed lately is not offered any more. No reader
 * waits for any of it.
 */
import type { SizedBlob } from '@shoal/blob-store';
import { RunningTasks } from '@shoal/concurrency';
import { MetainfoError } from '../errors.ts';
import type { SwarmId } from '../identity/swarm-id.ts';
import type { ByteRange } from '../ranges/byte-range.ts';
import type { RangeSet } from '../ranges/range-set.ts';
import { type BlobPlace, keyOfBlob, type SharedImages } from '../store/shared-images.ts';
import type { StoredBlob } from '../store/stored-blob.ts';
import { BlobProof } from './blob-proof.ts';
import {
  PUBLIC_CHECK_MS,
  PUBLIC_CHECKS_RUNNING_MAX,
  PUBLIC_REST_BYTES_MAX,
  PUBLIC_REST_TRIES_MAX,
  PUBLIC_RETRY_MS,
  TORRENT_RETRY_MS,
} from './limits.ts';
import { type PublicOrigin, proveWindows } from './public-origin.ts';
import { type PublicTorrent, PublicTorrents, type PublicTorrentsInput } from './public-torrents.ts';

/** A blob that standard clients may have. */
export type OfferedBlob = SizedBlob &
  PublicTorrent & {
    /** Where anybody reads it. */
    readonly repository: string;
    readonly stored: StoredBlob;
    /** Only these may be given, where they are held. */
    readonly proven: Pick<RangeSet, 'covers' | 'intersect'>;
  };

export type PublicBlobsInput = Omit<PublicTorrentsInput, 'origin'> & {
  /** What is known here. */
  readonly images: Pick<SharedImages, 'blobs' | 'placesOf'>;
  readonly origin: PublicOrigin;
  /** Undefined when nothing of it is held here. */
  readonly openStored: (blob: SizedBlob) => Promise<StoredBlob | undefined>;
  /** These may be given from now on. */
  readonly onProven: (offer: OfferedBlob, ranges: readonly ByteRange[]) => void;
  /** It may not be given any more. */
  readonly onWithdrawn: (infohash: SwarmId) => void;
  readonly nowMs: () => number;
};

type Examined = {
  readonly proof: BlobProof;
  nextAtMs: number;
  isRunning: boolean;
  restTries: number;
  offer: OfferedBlob | undefined;
};

export class PublicBlobs implements AsyncDisposable {
  readonly #input: PublicBlobsInput;
  readonly #examined = new Map<string, Examined>();
  readonly #offers = new Map<SwarmId, { readonly offer: OfferedBlob; readonly by: Examined }>();
  readonly #torrents: PublicTorrents;
  readonly #timer: NodeJS.Timeout;
  readonly #stop = new AbortController();
  readonly #running = new RunningTasks();

  constructor(input: PublicBlobsInput) {
    this.#input = input;
    this.#torrents = new PublicTorrents(input);
    this.#timer = setInterval(() => this.examine(), PUBLIC_CHECK_MS).unref();
  }

  /** Nothing is being asked. */
  get isIdle(): boolean {
    return this.#running.size === 0;
  }

  /** Undefined alike for what is not known and what is not for everybody. */
  get(infohash: SwarmId): OfferedBlob | undefined {
    const found = this.#offers.get(infohash);
    return found?.by.proof.isValid === true ? found.offer : undefined;
  }

  all(): readonly OfferedBlob[] {
    const valid = [...this.#offers.values()].filter(({ by }) => by.proof.isValid);
    return valid.map(({ offer }) => offer);
  }

  /** Blobs that registries give only with credentials, or that are others there. */
  get refusedCount(): number {
    return [...this.#examined.values()].filter(({ proof }) => proof.isRefused).length;
  }

  /**
   * Asks what is due, a few at a time. What has waited longest goes first: a registry that fails keeps the
   * others waiting for a turn, not for ever.
   */
  examine(): void {
    const known = this.#input.images.blobs();
    const nowMs = this.#input.nowMs();
    this.#forgetOthers(new Set(known.map(keyOfBlob)));
    const due: { readonly blob: SizedBlob; readonly examined: Examined }[] = [];
    for (const blob of known) {
      const examined = this.#examined.get(keyOfBlob(blob)) ?? this.#add(blob);
      if (examined.isRunning) continue;
      if (examined.offer !== undefined && !examined.proof.isValid) this.#withdraw(examined);
      if (examined.nextAtMs <= nowMs) due.push({ blob, examined });
    }
    due.sort((a, b) => a.examined.nextAtMs - b.examined.nextAtMs);
    for (const { blob, examined } of due) {
      if (this.#stop.signal.aborted || this.#running.size >= PUBLIC_CHECKS_RUNNING_MAX) return;
      examined.isRunning = true;
      this.#running.add(this.#examineOne(blob, examined));
    }
  }

  /** Something has come that it waits for. */
  hurry(blob: SizedBlob): void {
    const examined = this.#examined.get(keyOfBlob(blob));
    if (examined === undefined) return;
    examined.nextAtMs = 0;
    this.examine();
  }

  /** Idempotent. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#stop.abort();
    await this.#running.ended();
    this.#forgetOthers(new Set());
    await this.#running.ended();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #add(blob: SizedBlob): Examined {
    const { origin, nowMs } = this.#input;
    const { signal } = this.#stop;
    const proof = new BlobProof({
      prove: (repository, stored, windows) =>
        proveWindows(origin, repository, stored, windows, signal),
      nowMs,
    });
    const examined = { proof, nextAtMs: 0, isRunning: false, restTries: 0, offer: undefined };
    this.#examined.set(keyOfBlob(blob), examined);
    return examined;
  }

  /** Never rejects. */
  async #examineOne(blob: SizedBlob, examined: Examined): Promise<void> {
    const { nowMs, onProblem } = this.#input;
    const beganMs = nowMs();
    try {
      examined.nextAtMs = beganMs + (await this.#examineHeld(blob, examined));
    } catch (error) {
      // Not an answer: what was known counts until its time is up.
      examined.nextAtMs = beganMs + TORRENT_RETRY_MS;
      if (!this.#stop.signal.aborted) onProblem(error);
    } finally {
      examined.isRunning = false;
    }
  }

  /** In how long it is to be looked at again. */
  async #examineHeld(blob: SizedBlob, examined: Examined): Promise<number> {
    const { images, openStored, nowMs } = this.#input;
    const { proof } = examined;
    const stored = examined.offer?.stored ?? (await openStored(blob));
    if (stored === undefined) return PUBLIC_CHECK_MS;
    try {
      const place = await proof.ask(stored, images.placesOf(blob));
      if (place === undefined) this.#withdraw(examined);
      else await this.#offer(stored, examined, place);
      if (place === undefined) return proof.isRefused ? PUBLIC_RETRY_MS : PUBLIC_CHECK_MS;
      const isWhole = examined.offer?.isMade === true && proof.proven.bytes === blob.sizeBytes;
      return Math.max(isWhole ? proof.renewAtMs - nowMs() : 0, TORRENT_RETRY_MS);
    } finally {
      if (examined.offer === undefined) await stored.close();
    }
  }

  async #offer(stored: StoredBlob, examined: Examined, place: BlobPlace): Promise<void> {
    const { onProblem, onProven } = this.#input;
    const { proof } = examined;
    await this.#completeRest(stored, examined, place).catch(onProblem);
    await this.#takeTorrent(stored, examined, place);
    // Those that were known already are told to nobody twice.
    if (examined.offer !== undefined) onProven(examined.offer, [...proof.proven]);
  }

  /** The first one, or the one that was made here in place of what somebody had published. */
  async #takeTorrent(stored: StoredBlob, examined: Examined, place: BlobPlace): Promise<void> {
    const { signal } = this.#stop;
    const before = examined.offer;
    const torrent = await this.#torrents.take(stored, place, { before, signal });
    if (torrent === undefined) {
      if (before !== undefined) await this.#withdrawForged(examined, before);
      return;
    }
    if (await this.#torrents.isForged(stored, torrent)) {
      this.#torrents.release(torrent);
      throw forged();
    }
    if (before !== undefined) {
      this.#offers.delete(before.infohash);
      this.#torrents.release(before);
      if (before.infohash !== torrent.infohash) this.#input.onWithdrawn(before.infohash);
    }
    const { blobId, sizeBytes } = stored;
    const { repository } = place;
    const { proven } = examined.proof;
    const offer: OfferedBlob = { blobId, sizeBytes, ...torrent, repository, proven, stored };
    examined.offer = offer;
    this.#offers.set(offer.infohash, { offer, by: examined });
  }

  /** What no reader ever reads, such as the tables behind the chunks: without it the last piece is nobody's. */
  async #completeRest(stored: StoredBlob, examined: Examined, place: BlobPlace): Promise<void> {
    const { sizeBytes, blobId, held } = stored;
    const missing = sizeBytes - held.bytes;
    if (missing === 0 || missing > PUBLIC_REST_BYTES_MAX || missing === sizeBytes) return;
    if (examined.restTries >= PUBLIC_REST_TRIES_MAX) return;
    examined.restTries += 1;
    const { signal } = this.#stop;
    const ranges = held.missing({ start: 0, end: sizeBytes });
    const blob = { blobId, sizeBytes };
    const rest = (await this.#input.origin.read(place.repository, blob, ranges, signal)) ?? [];
    for (const [index, { start }] of ranges.entries()) {
      const bytes = rest[index];
      if (bytes !== undefined) await stored.write(start, bytes);
    }
    if ((await stored.completeBlob()) === 'right') examined.proof.add(ranges);
  }

  /** What has come meanwhile shows it. Anybody still reads the blob. */
  async #withdrawForged(examined: Examined, offer: OfferedBlob): Promise<void> {
    if (!(await this.#torrents.isForged(offer.stored, offer))) return;
    this.#withdrawOffer(examined);
    throw forged();
  }

  #withdraw(examined: Examined): void {
    examined.proof.withdraw();
    this.#withdrawOffer(examined);
  }

  #withdrawOffer(examined: Examined): void {
    const { offer } = examined;
    examined.offer = undefined;
    if (offer === undefined) return;
    this.#offers.delete(offer.infohash);
    this.#torrents.release(offer);
    this.#input.onWithdrawn(offer.infohash);
    this.#running.add(offer.stored.close().catch(this.#input.onProblem));
  }

  /** Neither an image nor a reader of this host has them any more, as far as it remembers. */
  #forgetOthers(known: ReadonlySet<string>): void {
    for (const [key, examined] of this.#examined) {
      if (known.has(key) || examined.isRunning) continue;
      this.#withdraw(examined);
      this.#examined.delete(key);
    }
  }
}

function forged(): MetainfoError {
  return new MetainfoError('its hashes are not those of the pieces that are held here');
}
