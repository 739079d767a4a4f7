/**
 * The blobs that standard clients may have: those that anybody reads at the repository's own registry
 * without credentials, and whose torrent is real. That is asked again and again, and counts for a
 * bounded time: who was not answered lately is not offered any more. No reader waits for any of it.
 */
import { RunningTasks } from '@shoal/concurrency';
import type { BlobId } from '@shoal/oci';
import type { SwarmId } from '../identity/swarm-id.ts';
import {
  PUBLIC_CHECK_MS,
  PUBLIC_CHECKS_RUNNING_MAX,
  PUBLIC_PROOF_MS,
  PUBLIC_REST_BYTES_MAX,
  PUBLIC_REST_TRIES_MAX,
  PUBLIC_RETRY_MS,
  TORRENT_RETRY_MS,
} from '../limits.ts';
import type { ByteRange } from '../ranges/byte-range.ts';
import type { BlobPlace, ImageBlob, SharedImages } from '../store/shared-images.ts';
import type { StoredBlob } from '../store/stored-blob.ts';
import { infoBytesOf } from '../torrent/info-bytes.ts';
import type { PublishedTorrent } from '../torrent/published-torrent.ts';

/** What anybody gets of a registry: it is asked without credentials of any kind. */
export type PublicOrigin = {
  /** Whether it gives the blob's bytes. Rejects when that cannot be said now. */
  isPublic(repository: string, blob: ImageBlob, signal: AbortSignal): Promise<boolean>;
  /** Bytes of it. Rejects as the registry does. */
  read(repository: string, blob: ImageBlob, range: ByteRange, signal: AbortSignal): Promise<Buffer>;
  /** Published with the image. Rejects as the registry does. */
  torrent(
    place: BlobPlace,
    blob: ImageBlob,
    signal: AbortSignal,
  ): Promise<PublishedTorrent | undefined>;
};

/** A blob that standard clients may have. */
export type OfferedBlob = ImageBlob & {
  readonly infohash: SwarmId;
  /** Where anybody reads it. */
  readonly repository: string;
  readonly pieceBytes: number;
  readonly infoBytes: Buffer;
  readonly stored: StoredBlob;
};

export type PublicBlobsInput = {
  readonly images: SharedImages;
  readonly origin: PublicOrigin;
  readonly openStored: (blob: ImageBlob) => Promise<StoredBlob>;
  /** Of one whose every byte is held here; undefined of others. */
  readonly makeTorrent: (
    stored: StoredBlob,
    signal: AbortSignal,
  ) => Promise<PublishedTorrent | undefined>;
  /** It may not be given any more. */
  readonly onWithdrawn: (infohash: SwarmId) => void;
  readonly onProblem: (error: unknown) => void;
  readonly nowMs: () => number;
};

type Examined = {
  place: BlobPlace | undefined;
  /** Until when it counts that anybody reads it. */
  provenUntilMs: number;
  nextAtMs: number;
  isRunning: boolean;
  /** Its registries have said no. */
  isRefused: boolean;
  restTries: number;
  offer: OfferedBlob | undefined;
};

export class PublicBlobs implements AsyncDisposable {
  readonly #input: PublicBlobsInput;
  readonly #examined = new Map<BlobId, Examined>();
  readonly #offers = new Map<SwarmId, { readonly offer: OfferedBlob; readonly by: Examined }>();
  readonly #timer: NodeJS.Timeout;
  readonly #stop = new AbortController();
  readonly #running = new RunningTasks();

  constructor(input: PublicBlobsInput) {
    this.#input = input;
    this.#timer = setInterval(() => this.examine(), PUBLIC_CHECK_MS).unref();
  }

  /** Nothing is being asked. */
  get isIdle(): boolean {
    return this.#running.size === 0;
  }

  /** Undefined alike for what is not known and what is not for everybody. */
  get(infohash: SwarmId): OfferedBlob | undefined {
    const found = this.#offers.get(infohash);
    if (found === undefined || found.by.provenUntilMs <= this.#input.nowMs()) return undefined;
    return found.offer;
  }

  all(): readonly OfferedBlob[] {
    const nowMs = this.#input.nowMs();
    const valid = [...this.#offers.values()].filter(({ by }) => by.provenUntilMs > nowMs);
    return valid.map(({ offer }) => offer);
  }

  /** Blobs that registries give only with credentials. */
  get refusedCount(): number {
    return [...this.#examined.values()].filter(({ isRefused }) => isRefused).length;
  }

  /** Asks what is due, a few at a time. */
  examine(): void {
    const known = this.#input.images.blobs();
    const nowMs = this.#input.nowMs();
    this.#forgetOthers(new Set(known.map(({ blobId }) => blobId)));
    for (const blob of known) {
      const examined = this.#examined.get(blob.blobId) ?? this.#add(blob.blobId);
      if (examined.offer !== undefined && examined.provenUntilMs <= nowMs) this.#withdraw(examined);
      if (examined.isRunning || examined.nextAtMs > nowMs) continue;
      if (this.#stop.signal.aborted || this.#running.size >= PUBLIC_CHECKS_RUNNING_MAX) continue;
      examined.isRunning = true;
      this.#running.add(this.#examineOne(blob, examined));
    }
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

  #add(blobId: BlobId): Examined {
    const examined = {
      ...{
        place: undefined,
        provenUntilMs: 0,
        nextAtMs: 0,
        isRunning: false,
        isRefused: false,
        restTries: 0,
      },
      offer: undefined,
    };
    this.#examined.set(blobId, examined);
    return examined;
  }

  /** Never rejects. */
  async #examineOne(blob: ImageBlob, examined: Examined): Promise<void> {
    const { nowMs, onProblem } = this.#input;
    const beganMs = nowMs();
    try {
      const place = await this.#provenPlace(blob, examined);
      if (place === undefined) this.#withdraw(examined);
      else await this.#offer(blob, examined, place);
      const isWhole = examined.offer?.stored.held.bytes === blob.sizeBytes;
      const againMs = isWhole ? examined.provenUntilMs - PUBLIC_PROOF_MS / 2 : 0;
      const soonMs = beganMs + (place === undefined ? PUBLIC_RETRY_MS : TORRENT_RETRY_MS);
      examined.nextAtMs = Math.max(againMs, soonMs);
    } catch (error) {
      // Not an answer: what was known counts until its time is up.
      examined.nextAtMs = beganMs + TORRENT_RETRY_MS;
      if (!this.#stop.signal.aborted) onProblem(error);
    } finally {
      examined.isRunning = false;
    }
  }

  /** Where anybody reads it; asked when half of the time is up that an answer counts. */
  async #provenPlace(blob: ImageBlob, examined: Examined): Promise<BlobPlace | undefined> {
    const nowMs = this.#input.nowMs();
    const isFresh = examined.provenUntilMs - nowMs > PUBLIC_PROOF_MS / 2;
    if (isFresh) return examined.place;
    examined.place = await this.#publicPlace(blob);
    examined.isRefused = examined.place === undefined;
    if (examined.place !== undefined) examined.provenUntilMs = nowMs + PUBLIC_PROOF_MS;
    return examined.place;
  }

  /** Throws when none of the registries says that it is public, and one says nothing. */
  async #publicPlace(blob: ImageBlob): Promise<BlobPlace | undefined> {
    const { images, origin } = this.#input;
    const failures: unknown[] = [];
    for (const place of images.placesOf(blob.blobId)) {
      try {
        if (await origin.isPublic(place.repository, blob, this.#stop.signal)) return place;
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
    return undefined;
  }

  async #offer(blob: ImageBlob, examined: Examined, place: BlobPlace): Promise<void> {
    const { openStored, onProblem } = this.#input;
    const known = examined.offer?.stored;
    const stored = known ?? (await openStored(blob));
    let isOffered = known !== undefined;
    try {
      await this.#completeRest(stored, examined, place).catch(onProblem);
      if (isOffered) return;
      const torrent = await this.#torrent(stored, blob, place);
      if (torrent === undefined || this.#stop.signal.aborted) return;
      const { infohash, pieceBytes } = torrent.metainfo;
      const infoBytes = infoBytesOf(torrent.bytes);
      const { repository } = place;
      const offer: OfferedBlob = { ...blob, infohash, repository, pieceBytes, infoBytes, stored };
      examined.offer = offer;
      this.#offers.set(infohash, { offer, by: examined });
      isOffered = true;
    } finally {
      if (!isOffered) await stored.close();
    }
  }

  /** The one that was published; otherwise what follows from the blob, where all of it is here. */
  async #torrent(
    stored: StoredBlob,
    blob: ImageBlob,
    place: BlobPlace,
  ): Promise<PublishedTorrent | undefined> {
    const { origin, makeTorrent, onProblem } = this.#input;
    const { signal } = this.#stop;
    try {
      const published = await origin.torrent(place, blob, signal);
      if (published !== undefined) return published;
    } catch (error) {
      onProblem(error);
    }
    return await makeTorrent(stored, signal);
  }

  /** What no reader ever reads, such as the tables behind the chunks: without it the last piece is nobody's. */
  async #completeRest(stored: StoredBlob, examined: Examined, place: BlobPlace): Promise<void> {
    const { sizeBytes, blobId, held } = stored;
    const missing = sizeBytes - held.bytes;
    if (missing === 0 || missing > PUBLIC_REST_BYTES_MAX || missing === sizeBytes) return;
    if (examined.restTries >= PUBLIC_REST_TRIES_MAX) return;
    examined.restTries += 1;
    const { origin } = this.#input;
    for (const range of held.missing({ start: 0, end: sizeBytes })) {
      const blob = { blobId, sizeBytes };
      const bytes = await origin.read(place.repository, blob, range, this.#stop.signal);
      await stored.write(range.start, bytes);
    }
    await stored.completeBlob();
  }

  #withdraw(examined: Examined): void {
    const { offer } = examined;
    examined.provenUntilMs = 0;
    examined.place = undefined;
    examined.offer = undefined;
    if (offer === undefined) return;
    this.#offers.delete(offer.infohash);
    this.#input.onWithdrawn(offer.infohash);
    this.#running.add(offer.stored.close().catch(this.#input.onProblem));
  }

  /** No image that this host reads has them any more, as far as it remembers. */
  #forgetOthers(known: ReadonlySet<BlobId>): void {
    for (const [blobId, examined] of this.#examined) {
      if (known.has(blobId) || examined.isRunning) continue;
      this.#withdraw(examined);
      this.#examined.delete(blobId);
    }
  }
}
