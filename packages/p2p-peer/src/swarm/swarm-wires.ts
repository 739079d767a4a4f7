/**
 * The wires of one blob, by the host at their other end. Two hosts that dial each other at the same
 * time have two wires: both may bring and tell, and reads use the first that is open.
 */
import type { HostFacts } from '../identity/host.ts';
import type { PeerId } from '../identity/peer-id.ts';
import { BLOCK_BYTES_MAX } from '../limits.ts';
import type { ByteRange } from '../ranges/byte-range.ts';
import type { Bans } from '../select/bans.ts';
import { type Candidate, type Distance, distanceBetween } from '../select/candidate.ts';
import type { PeerCredits } from '../select/credits.ts';
import type { Neighbour } from '../select/neighbour-policy.ts';
import type { Refusals } from '../select/refusals.ts';
import type { BlobWire } from '../wire/blob-wire.ts';
import { WireClosedError } from '../wire/errors.ts';
import { NEIGHBOURS_TOLD_MAX, OUTSTANDING_REQUESTS_MAX } from '../wire/limits.ts';
import { Dials, type DialsInput } from './dials.ts';
import { PLAIN_BLOCK_TIMEOUT_MS } from './limits.ts';
import { sample } from './sample.ts';
import { SilentWires } from './silent-wires.ts';

export type SwarmWiresInput = Omit<DialsInput, 'onOpened'> & {
  readonly bans: Bans;
  /** Of this blob alone. */
  readonly suspects: Bans;
  readonly credits: PeerCredits;
  readonly refusals: Refusals;
  /** Numbers of [0, 1). */
  readonly random: () => number;
  readonly onJoined: (peer: PeerId) => void;
  /** The last wire to it has closed. */
  readonly onLost: (peer: PeerId) => void;
};

type Use = { readonly connectedAtMs: number; usefulAtMs: number };

/** What one expects of a peer that was not asked yet. */
const LATENCY_MS_GUESS = 2;
/** And of its slowest block of twenty, by that. */
const P95_TIMES = 3;

export class SwarmWires {
  readonly #input: SwarmWiresInput;
  readonly #wires = new Map<PeerId, BlobWire[]>();
  readonly #uses = new Map<PeerId, Use>();
  readonly #dials: Dials;
  readonly #silent = new SilentWires();
  #isClosed = false;

  constructor(input: SwarmWiresInput) {
    this.#input = input;
    this.#dials = new Dials({ ...input, onOpened: (wire) => this.adopt(wire) });
  }

  /** Hosts at the other ends. */
  get count(): number {
    return this.#wires.size;
  }

  *all(): Generator<BlobWire> {
    for (const wires of this.#wires.values()) yield* wires;
  }

  has(peer: PeerId): boolean {
    return this.#wires.has(peer);
  }

  isOpening(peer: PeerId): boolean {
    return this.#dials.isOpening(peer);
  }

  /** Takes a wire in, whoever dialled it. */
  adopt(wire: BlobWire): void {
    const { peerId, host } = wire.facts;
    if (this.#isClosed) {
      void wire.close();
      return;
    }
    const wires = this.#wires.get(peerId);
    if (wires === undefined) {
      const nowMs = this.#input.nowMs();
      this.#wires.set(peerId, [wire]);
      this.#uses.set(peerId, { connectedAtMs: nowMs, usefulAtMs: nowMs });
    } else wires.push(wire);
    if (host !== undefined) this.#input.directory.meet(host);
    void wire.closed.then(() => this.#forget(wire));
    if (wires === undefined) this.#input.onJoined(peerId);
    this.#introduce(wire);
  }

  /** Whoever comes for a repository meets some of those who read the blob from there. */
  #introduce(wire: BlobWire): void {
    const { repository, peerId } = wire.facts;
    const hosts = new Map<PeerId, HostFacts>();
    for (const { facts } of this.all()) {
      if (facts.host === undefined || facts.repository !== repository) continue;
      hosts.set(facts.peerId, facts.host);
    }
    hosts.delete(peerId);
    wire.tellNeighbours(sample([...hosts.values()], NEIGHBOURS_TOLD_MAX, this.#input.random));
  }

  /** It is there, and does not share this blob at the moment. */
  isRefusing(peer: PeerId): boolean {
    return this.#dials.isRefusing(peer);
  }

  /** The wire to a peer, dialled where there is none. Rejects with the errors of `openWire`. */
  async wireTo(peer: PeerId): Promise<BlobWire> {
    if (this.#isClosed) throw new WireClosedError();
    const [wire] = this.#wires.get(peer) ?? [];
    if (wire !== undefined) return wire;
    return await this.#dials.to(peer);
  }

  /** Bytes came from it or went to it. */
  used(peer: PeerId): void {
    const use = this.#uses.get(peer);
    if (use !== undefined) use.usefulAtMs = this.#input.nowMs();
  }

  neighbours(): Neighbour[] {
    const neighbours: Neighbour[] = [];
    for (const [peer, [wire]] of this.#wires) {
      const facts = wire?.facts.host;
      const use = this.#uses.get(peer);
      if (facts !== undefined && use !== undefined) neighbours.push({ facts, ...use });
    }
    return neighbours;
  }

  drop(peer: PeerId): void {
    for (const wire of this.#wires.get(peer) ?? []) void wire.close();
  }

  /** Those that have said to hold all of it. */
  holders(range: ByteRange): Candidate[] {
    const found: Candidate[] = [];
    for (const peer of this.#wires.keys()) {
      if (this.holds(peer, range)) found.push(this.candidate(peer, false));
    }
    return found;
  }

  /** It has said so. */
  holds(peer: PeerId, range: ByteRange): boolean {
    const [wire] = this.#wires.get(peer) ?? [];
    return wire?.held.covers(range) === true;
  }

  candidate(peer: PeerId, isHome: boolean): Candidate {
    const { bans, suspects, credits, refusals, nowMs } = this.#input;
    // Believed as registries are; its certificate says that it is one.
    const isSeed = this.#factsOf(peer)?.role === 'seed';
    const [wire] = this.#wires.get(peer) ?? [];
    const latencyMs = wire?.latencyMs ?? LATENCY_MS_GUESS;
    const outstandingBytes = wire?.outstandingBytes ?? 0;
    return {
      ...{ peer, outstandingBytes, latencyMs },
      distance: this.distanceOf(peer),
      p95Ms: wire?.latencyP95Ms ?? latencyMs * P95_TIMES,
      isFull: outstandingBytes >= OUTSTANDING_REQUESTS_MAX * BLOCK_BYTES_MAX,
      isBanned:
        bans.isBanned(peer, nowMs(), isHome) ||
        suspects.isBanned(peer, nowMs(), isHome) ||
        this.isRefusing(peer) ||
        this.#dials.isHanging(peer) ||
        (wire !== undefined && this.#silent.has(wire)),
      creditBytes: isSeed ? Number.POSITIVE_INFINITY : credits.roomBytes(peer),
      willingness: refusals.of(peer, nowMs(), isHome),
      ...(wire === undefined || wire.isOurs ? {} : { patienceMs: PLAIN_BLOCK_TIMEOUT_MS }),
    };
  }

  /** Of a host that nobody knows: the farthest. */
  distanceOf(peer: PeerId): Distance {
    const facts = this.#factsOf(peer);
    return facts === undefined ? 'other' : distanceBetween(this.#input.directory.self, facts);
  }

  #factsOf(peer: PeerId): HostFacts | undefined {
    return this.#wires.get(peer)?.[0]?.facts.host ?? this.#input.directory.facts(peer);
  }

  /** A host that is being dialled is given some time for it; then others are asked, and it goes on. */
  heardAtMs(peer: PeerId): number {
    const diallingMs = this.#dials.heardAtMs(peer);
    if (diallingMs !== undefined) return diallingMs;
    const heard = (this.#wires.get(peer) ?? []).map((wire) => wire.heardAtMs);
    return Math.max(Number.NEGATIVE_INFINITY, ...heard);
  }

  /** 0 before the first wire to it. */
  pauseMs(peer: PeerId): number {
    return Math.max(0, ...(this.#wires.get(peer) ?? []).map((wire) => wire.pauseMs));
  }

  /** Closes all, and refuses what comes later. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(Array.from(this.all(), (wire) => wire.close()));
    await this.#dials.ended();
  }

  #forget(wire: BlobWire): void {
    const { peerId } = wire.facts;
    const left = (this.#wires.get(peerId) ?? []).filter((other) => other !== wire);
    if (left.length > 0) {
      this.#wires.set(peerId, left);
      return;
    }
    this.#wires.delete(peerId);
    this.#uses.delete(peerId);
    this.#input.onLost(peerId);
  }
}
