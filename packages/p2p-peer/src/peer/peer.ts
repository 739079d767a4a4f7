/**
 * One host among others: it reads blobs from whoever has them, keeps their stored bytes, serves them,
 * and fetches as a home what nobody has. Everything it knows of others is soft: whatever fails, a read
 * ends at the reader's own way to the origin.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { BlobSource } from '@shoal/blob-store';
import type { HostDirectory } from '../hosts/host-directory.ts';
import type { HostFacts } from '../identity/host.ts';
import type { CountedPeer, PeerCounts } from '../peer-counts.ts';
import type { PlainStatus } from '../plain/plain-port.ts';
import type { PlainSide } from '../plain/plain-side.ts';
import type { Uploads } from '../select/uploads.ts';
import type { CompressedStore, StoreStats } from '../store/compressed-store.ts';
import type { SharedImage, SharedImages } from '../store/shared-images.ts';
import type { SwarmTable } from '../swarm/swarm-table.ts';
import type { WireListener } from '../wire/handshakes/wire-listener.ts';
import { PEER_DRAIN_LOOK_MS } from './limits.ts';
import type { Neighbourhood } from './neighbourhood.ts';
import { peerSource, type ReaderKind } from './peer-source.ts';
import type { PeerTraffic, TrafficBytes, TrafficCauses } from './peer-traffic.ts';
import type { PeerTrust } from './peer-trust.ts';

export type PeerParts = {
  readonly trust: PeerTrust;
  readonly directory: HostDirectory;
  readonly store: CompressedStore;
  readonly swarms: SwarmTable;
  /** What others are sent, and how fast. */
  readonly uploads: Uploads;
  readonly listener: WireListener;
  readonly traffic: PeerTraffic;
  readonly counts: PeerCounts;
  readonly neighbourhood: Neighbourhood;
  readonly images: SharedImages;
  /** Undefined where standard clients are not served. */
  readonly plain: PlainSide | undefined;
  /** All of these, in the order they were opened. */
  readonly owned: AsyncDisposableStack;
};

export type PeerStatus = {
  readonly self: HostFacts;
  /** Hosts that are believed to live, this one among them. */
  readonly hosts: number;
  readonly hasToken: boolean;
  readonly wires: number;
  readonly blobs: number;
  readonly traffic: TrafficBytes;
  /** What was read here, by source and by who wanted it. */
  readonly causes: TrafficCauses;
  /** What became of what was asked, of others and by others. */
  readonly counts: CountedPeer;
  readonly store: StoreStats;
  /** The port of standard clients, where there is one. */
  readonly plain?: PlainStatus | undefined;
};

export class Peer implements AsyncDisposable {
  readonly #parts: PeerParts;

  constructor(parts: PeerParts) {
    this.#parts = parts;
  }

  /** Where hosts connect. */
  get port(): number {
    return this.#parts.listener.port;
  }

  /**
   * Blobs of one repository, `registry/repository`; closing it closes the reader's origin. A reader who
   * does not verify by chunks gets whole pieces, of homes or compared with what homes say.
   */
  source(origin: BlobSource, repository: string, reader: ReaderKind = 'verifying'): BlobSource {
    const { swarms, traffic, trust, neighbourhood } = this.#parts;
    return peerSource({
      ...{ reader, origin, repository, swarms, traffic },
      hasToken: () => trust.token() !== undefined,
      onRead: (swarm) => neighbourhood.attend(swarm, repository),
    });
  }

  /** This host reads that image: people see its name, and standard clients may have it where it is public. */
  learn(image: SharedImage): void {
    this.#parts.images.learn(image);
  }

  status(): PeerStatus {
    const { directory, trust, swarms, traffic, counts, store, plain } = this.#parts;
    return {
      self: directory.self,
      hosts: directory.live().length,
      hasToken: trust.token() !== undefined,
      wires: swarms.all().reduce((sum, { wires }) => sum + wires.count, 0),
      blobs: swarms.count,
      traffic: traffic.bytes(),
      causes: traffic.causes(),
      counts: counts.all(),
      store: store.stats(),
      ...(plain === undefined ? {} : { plain: plain.status() }),
    };
  }

  /** Refuses what others ask for from now on; resolves when what was promised has left, or time is up. */
  async drain(timeoutMs: number): Promise<void> {
    const { uploads } = this.#parts;
    uploads.stop();
    const endsAtMs = performance.now() + timeoutMs;
    while (uploads.bytes > 0 && performance.now() < endsAtMs) await sleep(PEER_DRAIN_LOOK_MS);
  }

  /** Tells the trackers, closes wires, makes what is held durable. Idempotent. */
  async close(): Promise<void> {
    await this.#parts.owned.disposeAsync();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
