/**
 * Everything that a tracker knows of swarms and hosts: what is announced and reported comes in here,
 * who was silent too long goes. In memory only: whoever lives says everything again within half a
 * minute.
 */
import type { HostFacts } from '../../identity/host.ts';
import { type PeerId, parsePeerId } from '../../identity/peer-id.ts';
import { TrackerRequestError } from '../errors.ts';
import type { HostReport } from '../host-report.ts';
import {
  HOST_SILENCE_MS_MAX,
  PLAIN_PEERS_PER_ADDRESS_MAX,
  SWARMS_PER_HOST_MAX,
  SWEEP_INTERVAL_MS_MIN,
  TRACKER_PEERS_MAX,
  TRACKER_SWARMS_MAX,
} from '../limits.ts';
import { HostTable } from './host-table.ts';
import { type KnownBlob, KnownBlobs } from './known-blobs.ts';
import type { Holding, SwarmPeer, TrackedHost } from './swarm-peer.ts';
import { TrackedSwarm } from './tracked-swarm.ts';

export type Announce = {
  readonly event: 'started' | 'stopped' | 'completed' | 'update' | 'paused';
  readonly host: TrackedHost | undefined;
  readonly peerId: PeerId;
  readonly ip: string;
  readonly port: number;
  readonly isComplete: boolean;
  readonly numwant: number;
};

export type AnnounceAnswer = {
  readonly complete: number;
  readonly incomplete: number;
  readonly peers: readonly SwarmPeer[];
};

export type TrackedSwarmsOptions = {
  readonly publicRules: readonly string[];
  readonly random: () => number;
};

export class TrackedSwarms {
  readonly hosts = new HostTable();
  readonly blobs: KnownBlobs;
  readonly #swarms = new Map<string, TrackedSwarm>();
  readonly #plainPeers = new Map<string, number>();
  readonly #random: () => number;
  #peerCount = 0;
  #sweptAtMs = 0;

  constructor({ publicRules, random }: TrackedSwarmsOptions) {
    this.blobs = new KnownBlobs(publicRules);
    this.#random = random;
  }

  get swarmCount(): number {
    return this.#swarms.size;
  }

  get peerCount(): number {
    return this.#peerCount;
  }

  swarms(): Iterable<TrackedSwarm> {
    return this.#swarms.values();
  }

  get(id: string): TrackedSwarm | undefined {
    return this.#swarms.get(id);
  }

  /** Throws `ERR_P2P_TRACKER_REQUEST` when there are too many. */
  create(id: string, blob: KnownBlob): TrackedSwarm {
    if (this.#swarms.size >= TRACKER_SWARMS_MAX)
      throw new TrackerRequestError(503, 'too many swarms');
    const swarm = new TrackedSwarm(id, blob);
    this.#swarms.set(id, swarm);
    return swarm;
  }

  /** Throws `ERR_P2P_TRACKER_REQUEST` when there are too many peers. */
  announce(swarm: TrackedSwarm, announce: Announce, nowMs: number): AnnounceAnswer {
    const key = keyOf(announce);
    const before = swarm.get(key);
    if (announce.event === 'stopped') {
      if (before !== undefined && before.host === announce.host) this.#delete(before);
      return { ...countsOf(swarm), peers: [] };
    }
    const peer = this.#put(swarm, { ...announce, key }, nowMs);
    return { ...countsOf(swarm), peers: swarm.pick(peer, announce.numwant, this.#random) };
  }

  #put(
    swarm: TrackedSwarm,
    announce: Announce & { readonly key: string },
    nowMs: number,
  ): SwarmPeer {
    const { key, host, peerId, ip, port } = announce;
    const before = swarm.get(key);
    const peer: SwarmPeer = {
      key,
      swarm,
      host,
      peerId,
      ip,
      port,
      zone: host?.facts.zone ?? '',
      rack: host?.facts.rack ?? '',
      // A peer that was complete may have lost parts of it: it knows better.
      isComplete: announce.isComplete || announce.event === 'completed',
      seenAtMs: nowMs,
    };
    if (before === undefined) this.#count(peer);
    swarm.put(peer);
    return peer;
  }

  #count(peer: SwarmPeer): void {
    if (this.#peerCount >= TRACKER_PEERS_MAX) throw new TrackerRequestError(503, 'too many peers');
    if (peer.host === undefined) {
      const count = this.#plainPeers.get(peer.ip) ?? 0;
      if (count >= PLAIN_PEERS_PER_ADDRESS_MAX) {
        throw new TrackerRequestError(429, 'too many peers at this address');
      }
      this.#plainPeers.set(peer.ip, count + 1);
    } else if (peer.host.peers.size >= SWARMS_PER_HOST_MAX) {
      throw new TrackerRequestError(429, 'too many swarms of this host');
    }
    this.#peerCount += 1;
  }

  #delete(peer: SwarmPeer): void {
    peer.swarm.delete(peer);
    this.#peerCount -= 1;
    const swarm = this.#swarms.get(peer.swarm.id);
    if (swarm?.size === 0) this.#swarms.delete(peer.swarm.id);
    if (peer.host !== undefined) return;
    const count = (this.#plainPeers.get(peer.ip) ?? 1) - 1;
    if (count === 0) this.#plainPeers.delete(peer.ip);
    else this.#plainPeers.set(peer.ip, count);
  }

  /**
   * What a host says of itself; `held` are those blobs of it that its grant covers. They count as
   * announced, so a tracker that was started anew knows everything after one round.
   */
  report(
    facts: HostFacts,
    report: HostReport,
    held: ReadonlyMap<KnownBlob, Holding>,
    nowMs: number,
  ): TrackedHost {
    const host = this.hosts.see(facts, nowMs);
    host.version = report.version;
    host.report = report;
    host.held = held;
    const colon = facts.address.lastIndexOf(':');
    const peerId = parsePeerId(report.peerId);
    const ip = facts.address.slice(0, colon);
    const port = Number(facts.address.slice(colon + 1));
    for (const [blob, { isWhole: isComplete }] of held) {
      if (host.peers.size >= SWARMS_PER_HOST_MAX) break;
      const swarm = this.get(blob.swarmId) ?? this.create(blob.swarmId, blob);
      const before = swarm.get(facts.host);
      if (before !== undefined && isAsBefore(before, { peerId, isComplete, facts })) {
        before.seenAtMs = nowMs;
        continue;
      }
      const key = facts.host;
      const peer = {
        key,
        host,
        peerId,
        ip,
        port,
        isComplete,
        event: 'update',
        numwant: 0,
      } as const;
      this.#put(swarm, peer, nowMs);
    }
    return host;
  }

  /** The host and all its peers, at once. */
  forget(host: TrackedHost): void {
    for (const peer of [...host.peers]) this.#delete(peer);
    this.hosts.delete(host);
  }

  /** Lets go of who was silent too long; does nothing when it has just been done. */
  sweep(nowMs: number): void {
    if (Math.abs(nowMs - this.#sweptAtMs) < SWEEP_INTERVAL_MS_MIN) return;
    this.#sweptAtMs = nowMs;
    for (const host of this.hosts.silent(nowMs)) this.forget(host);
    for (const swarm of this.#swarms.values()) {
      for (const peer of swarm.peers()) {
        if (peer.seenAtMs < nowMs - HOST_SILENCE_MS_MAX) this.#delete(peer);
      }
      if (swarm.size === 0) this.#swarms.delete(swarm.id);
    }
  }
}

/** One peer of a host in a swarm, also when it was started anew; standard clients by address. */
function keyOf({ host, ip, port }: Announce): string {
  return host === undefined ? `${ip} ${port}` : host.facts.host;
}

function countsOf(swarm: TrackedSwarm): { readonly complete: number; readonly incomplete: number } {
  return { complete: swarm.complete, incomplete: swarm.size - swarm.complete };
}

function isAsBefore(
  peer: SwarmPeer,
  now: { readonly peerId: PeerId; readonly isComplete: boolean; readonly facts: HostFacts },
): boolean {
  return (
    peer.peerId === now.peerId &&
    peer.isComplete === now.isComplete &&
    peer.zone === now.facts.zone &&
    peer.rack === now.facts.rack
  );
}
