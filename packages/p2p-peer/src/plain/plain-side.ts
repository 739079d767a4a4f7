/** This host and standard clients: opened only where the configuration asks for it, for public blobs only. */
import type { CodecPool, SizedBlob } from '@shoal/blob-store';
import type { BlobId } from '@shoal/oci';
import type { PeerId } from '../identity/peer-id.ts';
import type { ByteRange } from '../ranges/byte-range.ts';
import type { CompressedStore } from '../store/compressed-store.ts';
import { keyOfBlob, type SharedImages } from '../store/shared-images.ts';
import type { SwarmTable } from '../swarm/swarm-table.ts';
import type { TrackerClient } from '../tracker/client/tracker-client.ts';
import type { WireLog } from '../wire/wire-log.ts';
import { PlainMeetings } from './plain-meetings.ts';
import { PlainPort, type PlainPortOptions, type PlainStatus } from './plain-port.ts';
import { PublicBlobs } from './public-blobs.ts';
import type { PublicOrigin } from './public-origin.ts';
import { ReadBlobs } from './read-blobs.ts';
import { TorrentMaker } from './torrent-maker.ts';

export type PlainOptions = PlainPortOptions & {
  /** Bytes are taken from standard clients, too. */
  readonly isFetching: boolean;
};

export type PlainSideInput = {
  readonly images: SharedImages;
  readonly origin: PublicOrigin;
  readonly store: CompressedStore;
  readonly swarms: SwarmTable;
  readonly trackers: Pick<TrackerClient, 'announce'>;
  readonly pool: CodecPool;
  readonly onProblem: (error: unknown) => void;
  readonly log: WireLog | undefined;
  readonly nowMs: () => number;
};

export class PlainSide implements AsyncDisposable {
  readonly #port: PlainPort;
  readonly #meetings: PlainMeetings;
  readonly #readBlobs: ReadBlobs;
  readonly #images: SharedImages;
  readonly #owned: AsyncDisposableStack;

  /** Listens when it resolves; rejects with the system's error where it cannot. */
  static async open(options: PlainOptions, input: PlainSideInput): Promise<PlainSide> {
    await using opened = new AsyncDisposableStack();
    const { images, origin, store, swarms, trackers, pool, onProblem, log, nowMs } = input;
    let port: PlainPort | undefined;
    let meetings: PlainMeetings | undefined;
    const readBlobs = await ReadBlobs.open(store);
    const openStored = ({ blobId, sizeBytes }: SizedBlob) => store.knownBlob(blobId, sizeBytes);
    const torrents = opened.use(
      new TorrentMaker({
        ...{ pool, openStored, onProblem, nowMs },
        onMade: (blob) => blobs.hurry(blob),
      }),
    );
    const blobs: PublicBlobs = opened.use(
      new PublicBlobs({
        ...{ images: knownBlobs(images, readBlobs), origin, onProblem, nowMs, openStored },
        madeTorrent: ({ blobId, sizeBytes, held }) =>
          held.bytes < sizeBytes ? undefined : torrents.take({ blobId, sizeBytes }),
        onProven: (offer, ranges) => {
          readBlobs.keep(offer);
          port?.tellProven(offer, ranges);
        },
        onWithdrawn: (infohash) => port?.withdraw(infohash),
      }),
    );
    port = opened.use(
      await PlainPort.open(options, {
        ...{ blobs, log, nowMs, onRefused: onProblem },
        onWire: (wire, offer) => meetings?.meet(wire, offer),
        onHeld: (wire, offer, ranges) => meetings?.held(wire, offer, ranges),
      }),
    );
    const { isFetching } = options;
    meetings = opened.use(
      new PlainMeetings({ blobs, port, swarms, trackers, isFetching, log, nowMs }),
    );
    return new PlainSide({ port, meetings, readBlobs, images, owned: opened.move() });
  }

  private constructor(parts: {
    readonly port: PlainPort;
    readonly meetings: PlainMeetings;
    readonly readBlobs: ReadBlobs;
    readonly images: SharedImages;
    readonly owned: AsyncDisposableStack;
  }) {
    this.#port = parts.port;
    this.#meetings = parts.meetings;
    this.#readBlobs = parts.readBlobs;
    this.#images = parts.images;
    this.#owned = parts.owned;
  }

  tellHeld(blobId: BlobId, ranges: readonly ByteRange[]): void {
    this.#port.tellHeld(blobId, ranges);
  }

  /** Bytes of the blob have come from that repository, for this host or for others. */
  learn({ blobId, sizeBytes }: SizedBlob, repository: string): void {
    const blob = { blobId, sizeBytes };
    // Those of images take no place of others.
    const places = this.#images.placesOf(blob);
    if (places.some((place) => place.repository === repository)) return;
    this.#readBlobs.learn(blob, repository);
  }

  /** Of any peer; those who are no standard clients are none of its business. */
  banLiar(peer: PeerId): void {
    this.#meetings.banLiar(peer);
  }

  status(): PlainStatus {
    return this.#port.status();
  }

  /** Tells trackers, closes wires. Idempotent. */
  async close(): Promise<void> {
    await this.#owned.disposeAsync();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** Blobs of images in any state, of others those that are here as a whole: no torrent of a part is known. */
function knownBlobs(
  images: SharedImages,
  readBlobs: ReadBlobs,
): Pick<SharedImages, 'blobs' | 'placesOf'> {
  return {
    blobs: () => {
      const all = [...readBlobs.whole(), ...images.blobs()];
      return [...new Map(all.map((blob) => [keyOfBlob(blob), blob])).values()];
    },
    placesOf: (blob) => [...images.placesOf(blob), ...readBlobs.placesOf(blob)],
  };
}
