/**
 * Where standard clients and this host meet: trackers hear which torrents it gives, and, where that is
 * wanted, clients that have the bytes become sources of reads. What they send is believed as little as
 * what any host sends: only by the digests of chunks.
 */
import { RunningTasks } from '@shoal/concurrency';
import { formatHostPort } from '@shoal/oci/host-port';
import { LRUCache } from 'lru-cache';
import { isHostPeerId, type PeerId } from '../identity/peer-id.ts';
import type { SwarmId } from '../identity/swarm-id.ts';
import { ANNOUNCE_INTERVAL_MS } from '../limits.ts';
import type { ByteRange } from '../ranges/byte-range.ts';
import type { Swarm } from '../swarm/swarm.ts';
import type { SwarmTable } from '../swarm/swarm-table.ts';
import type { AnnounceEvent } from '../tracker/client/announce-text.ts';
import type { TrackerClient } from '../tracker/client/tracker-client.ts';
import type { FoundPeer } from '../tracker/found-peers.ts';
import { addressGroupOf } from '../wire/address-group.ts';
import type { BlobWire } from '../wire/blob-wire.ts';
import { openPlainWire } from '../wire/handshakes/open-plain-wire.ts';
import type { WireLog } from '../wire/wire-log.ts';
import {
  ANNOUNCE_SOON_MS,
  PLAIN_DIALLED_MAX,
  PLAIN_REDIAL_MS,
  PLAIN_SOURCES_PER_BLOB_MAX,
  PUBLIC_CHECK_MS,
} from './limits.ts';
import type { PlainPort } from './plain-port.ts';
import type { OfferedBlob, PublicBlobs } from './public-blobs.ts';
import { SourceBans } from './source-bans.ts';

export type PlainMeetingsInput = {
  readonly blobs: PublicBlobs;
  readonly port: PlainPort;
  readonly swarms: SwarmTable;
  readonly trackers: Pick<TrackerClient, 'announce'>;
  /** Bytes are taken from standard clients, too. */
  readonly isFetching: boolean;
  readonly log: WireLog | undefined;
  readonly nowMs: () => number;
};

type Announced = { offer: OfferedBlob; firstAtMs: number; lastAtMs: number };

export class PlainMeetings implements AsyncDisposable {
  readonly #input: PlainMeetingsInput;
  readonly #announced = new Map<SwarmId, Announced>();
  /** Wires that reads use, by the swarm of their blob. */
  readonly #sources = new Map<BlobWire, Swarm>();
  /** Addresses that were dialled: one that came to us by itself ends a second wire at once. */
  readonly #dialledUntil = new LRUCache<string, number>({ max: PLAIN_DIALLED_MAX });
  readonly #bans: SourceBans;
  readonly #timer: NodeJS.Timeout;
  readonly #stop = new AbortController();
  readonly #running = new RunningTasks();

  constructor(input: PlainMeetingsInput) {
    this.#input = input;
    this.#bans = new SourceBans(input.nowMs);
    this.#timer = setInterval(() => this.#check(), PUBLIC_CHECK_MS).unref();
  }

  /** A wire is open: it may be a source. */
  meet(wire: BlobWire, offer: OfferedBlob): void {
    const swarm = this.#swarmWanting(offer);
    if (swarm === undefined || this.#sources.has(wire)) return;
    // Such ids are of hosts of ours, which are met with certificates, and believed.
    const { peerId, from } = wire.facts;
    if (isHostPeerId(peerId) || from === undefined || !this.#bans.admit(peerId, from)) return;
    this.#sources.set(wire, swarm);
    void wire.closed.then(() => this.#sources.delete(wire));
    swarm.wires.adopt(wire);
  }

  /** A client holds more. */
  held(wire: BlobWire, { repository }: OfferedBlob, ranges: readonly ByteRange[]): void {
    this.#sources.get(wire)?.sharedWith(repository).server.onHeld(wire, ranges);
  }

  /** One of those who are asked for blobs is not to be for a while: it, and whoever else it pretends to be, leaves. */
  banLiar(peer: PeerId): void {
    if (!this.#bans.banLiar(peer)) return;
    for (const wire of this.#sources.keys()) {
      const { from } = wire.facts;
      if (from !== undefined && this.#bans.isBanned(from)) void wire.close();
    }
  }

  /** Trackers hear that it is over. Idempotent. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#stop.abort();
    for (const [infohash, { offer }] of this.#announced) {
      this.#announced.delete(infohash);
      this.#running.add(this.#announce(offer, 'stopped').then(() => undefined));
    }
    await this.#running.ended();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #check(): void {
    const { blobs, port, nowMs } = this.#input;
    const offers = blobs.all();
    const offered = new Set(offers.map(({ infohash }) => infohash));
    for (const [infohash, { offer }] of this.#announced) {
      if (offered.has(infohash)) continue;
      this.#announced.delete(infohash);
      this.#running.add(this.#announce(offer, 'stopped').then(() => undefined));
    }
    for (const offer of offers) {
      const known = this.#announced.get(offer.infohash);
      if (known === undefined || nowMs() - known.lastAtMs >= intervalMs(known)) {
        this.#running.add(this.#announceAndMeet(offer, known));
      }
    }
    for (const wire of this.#sources.keys()) port.used(wire);
    for (const [wire, offer] of port.entered()) this.meet(wire, offer);
  }

  /** Never rejects. */
  async #announceAndMeet(offer: OfferedBlob, before: Announced | undefined): Promise<void> {
    const atMs = this.#input.nowMs();
    const announced = before ?? { offer, firstAtMs: atMs, lastAtMs: atMs };
    announced.lastAtMs = atMs;
    this.#announced.set(offer.infohash, announced);
    const found = await this.#announce(offer, before === undefined ? 'started' : 'update');
    for (const client of found.filter(({ host }) => host === undefined)) {
      if (this.#swarmWanting(offer) === undefined || this.#stop.signal.aborted) return;
      if (!this.#bans.isBanned(addressGroupOf(client.ip)))
        await this.#dial(addressOf(client), offer);
    }
  }

  async #announce(offer: OfferedBlob, event: AnnounceEvent): Promise<readonly FoundPeer[]> {
    const { trackers, port } = this.#input;
    const { infohash: swarmId, sizeBytes, stored } = offer;
    const bytesLeft = sizeBytes - stored.held.bytes;
    const place = { peerId: port.selfId, port: port.port };
    return await trackers.announce({ swarmId, event, bytesLeft, ...place }).catch(() => []);
  }

  /** Never rejects: whoever cannot be reached is met at the next announce, perhaps. */
  async #dial(address: string, { infohash }: OfferedBlob): Promise<void> {
    const { port, log, nowMs } = this.#input;
    const torrent = port.torrentOf(infohash);
    const key = `${infohash} ${address}`;
    if (torrent === undefined || (this.#dialledUntil.get(key) ?? 0) > nowMs()) return;
    this.#dialledUntil.set(key, Number.POSITIVE_INFINITY);
    const { selfId } = port;
    const { signal } = this.#stop;
    try {
      const wire = await openPlainWire({ selfId, address, infohash, torrent, log, signal });
      void wire.closed.then(() => this.#dialledUntil.set(key, nowMs() + PLAIN_REDIAL_MS));
    } catch {
      this.#dialledUntil.set(key, nowMs() + PLAIN_REDIAL_MS);
    }
  }

  /** The blob is read here, not all of it is held, and there are not many sources yet. */
  #swarmWanting({ blobId }: OfferedBlob): Swarm | undefined {
    const { swarms, isFetching } = this.#input;
    const swarm = isFetching ? swarms.get(blobId) : undefined;
    if (swarm === undefined || swarm.bytesMissing === 0) return undefined;
    const count = [...this.#sources.values()].filter((used) => used === swarm).length;
    return count < PLAIN_SOURCES_PER_BLOB_MAX ? swarm : undefined;
  }
}

/** A tracker that has not heard of the torrent yet hears of it with the next report: not long after. */
function intervalMs({ firstAtMs, lastAtMs }: Announced): number {
  return lastAtMs - firstAtMs < ANNOUNCE_INTERVAL_MS ? ANNOUNCE_SOON_MS : ANNOUNCE_INTERVAL_MS;
}

function addressOf({ ip, port }: FoundPeer): string {
  return formatHostPort({ host: ip, port });
}
