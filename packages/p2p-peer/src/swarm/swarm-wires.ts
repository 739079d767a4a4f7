/**
 * The wires of one blob, by the host at their other end. Two hosts that dial each other at the same
 * time have two wires: both may bring and tell, and reads use the first that is open.
 */
import type { HostDirectory } from '../hosts/host-directory.ts';
import type { HostFacts } from '../identity/host.ts';
import type { PeerId } from '../identity/peer-id.ts';
import { BLOCK_BYTES_MAX, PLAIN_BLOCK_TIMEOUT_MS } from '../limits.ts';
import type { PeerCounts } from '../peer-counts.ts';
import type { ByteRange } from '../ranges/byte-range.ts';
import type { Bans } from '../select/bans.ts';
import { type Candidate, type Distance, distanceBetween } from '../select/candidate.ts';
import type { PeerCredits } from '../select/credits.ts';
import type { Neighbour } from '../select/neighbour-policy.ts';
import { READ_POLICY } from '../select/read-policy.ts';
import type { Refusals } from '../select/refusals.ts';
import type { BlobWire } from '../wire/blob-wire.ts';
import { WireClosedError, WireDialError } from '../wire/errors.ts';
import { NEIGHBOURS_TOLD_MAX, OUTSTANDING_REQUESTS_MAX } from '../wire/limits.ts';
import { sample } from './sample.ts';
import { SilentWires } from './silent-wires.ts';

export type SwarmWiresInput = {
  readonly directory: HostDirectory;
  readonly bans: Bans;
  readonly credits: PeerCredits;
  readonly counts: Pick<PeerCounts, 'dialFailed'>;
  readonly refusals: Refusals;
  readonly nowMs: () => number;
  /** Numbers of [0, 1). */
  readonly random: () => number;
  /** Dials a host for this blob. */
  readonly open: (host: HostFacts, onConnected: () => void) => Promise<BlobWire>;
  readonly onJoined: (peer: PeerId) => void;
  /** The last wire to it has closed. */
  readonly onLost: (peer: PeerId) => void;
};

type Opening = {
  readonly wire: Promise<BlobWire>;
  readonly sinceMs: number;
  connectedAtMs?: number;
};

type Use = { readonly connectedAtMs: number; usefulAtMs: number };

/** With the silence that is borne after it (`silenceMs`) a reader loses less than 300 ms. */
const DIAL_PATIENCE_MS = 40;
/**
 * A host that has answered is there, and may be busy: its handshake may take a while where many start.
 * So long at most, and where no other host has shown of late how long it takes.
 */
const HANDSHAKE_PATIENCE_MS_MAX = 750;
/** When it has been silent for so long beyond its time, it is out until its handshake has ended. */
const HANGING_AFTER_MS = READ_POLICY.silenceMs;
/** One that has sent us away may read the blob soon. */
const REFUSED_MS = 5000;
/** What one expects of a peer that was not asked yet. */
const LATENCY_MS_GUESS = 2;
/** And of its slowest block of twenty, by that. */
const P95_TIMES = 3;

export class SwarmWires {
  readonly #input: SwarmWiresInput;
  readonly #wires = new Map<PeerId, BlobWire[]>();
  readonly #uses = new Map<PeerId, Use>();
  readonly #opening = new Map<PeerId, Opening>();
  readonly #silent = new SilentWires();
  /** Of this blob; a host that nobody reaches is the directory's matter. */
  readonly #refusedUntil = new Map<PeerId, number>();
  #isClosed = false;

  constructor(input: SwarmWiresInput) {
    this.#input = input;
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
    return this.#opening.has(peer);
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
    return (this.#refusedUntil.get(peer) ?? 0) > this.#input.nowMs();
  }

  /** The wire to a peer, dialled where there is none. Rejects with the errors of `openWire`. */
  async wireTo(peer: PeerId): Promise<BlobWire> {
    if (this.#isClosed) throw new WireClosedError();
    const [wire] = this.#wires.get(peer) ?? [];
    if (wire !== undefined) return wire;
    if (this.isRefusing(peer)) throw new WireDialError(peer, 'it does not share the blob');
    const { wire: opening } = this.#opening.get(peer) ?? this.#open(peer);
    return await opening;
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
    const { bans, credits, refusals, nowMs } = this.#input;
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
        this.isRefusing(peer) ||
        this.#isHanging(peer) ||
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
    const opening = this.#opening.get(peer);
    if (opening !== undefined) {
      return Math.min(this.#input.nowMs(), opening.sinceMs + this.#dialPatienceMs(opening));
    }
    const heard = (this.#wires.get(peer) ?? []).map((wire) => wire.heardAtMs);
    return Math.max(Number.NEGATIVE_INFINITY, ...heard);
  }

  #dialPatienceMs({ connectedAtMs }: Opening): number {
    if (connectedAtMs === undefined) return DIAL_PATIENCE_MS;
    const { directory, nowMs } = this.#input;
    const knownMs = directory.handshakes.patienceMs(nowMs()) ?? HANDSHAKE_PATIENCE_MS_MAX;
    return Math.min(Math.max(knownMs, DIAL_PATIENCE_MS), HANDSHAKE_PATIENCE_MS_MAX);
  }

  /** Not every reader waits for the same dial: the first ones have. */
  #isHanging(peer: PeerId): boolean {
    const opening = this.#opening.get(peer);
    if (opening === undefined) return false;
    const hangsAtMs = opening.sinceMs + this.#dialPatienceMs(opening) + HANGING_AFTER_MS;
    return this.#input.nowMs() >= hangsAtMs;
  }

  /** 0 before the first wire to it. */
  pauseMs(peer: PeerId): number {
    return Math.max(0, ...(this.#wires.get(peer) ?? []).map((wire) => wire.pauseMs));
  }

  /** Closes all, and refuses what comes later. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(Array.from(this.all(), (wire) => wire.close()));
    await Promise.allSettled(Array.from(this.#opening.values(), ({ wire }) => wire));
  }

  #open(peer: PeerId): Opening {
    const opening: Opening = {
      wire: this.#dial(peer, () => {
        opening.connectedAtMs = this.#input.nowMs();
      }).finally(() => this.#opening.delete(peer)),
      sinceMs: this.#input.nowMs(),
    };
    // Whoever waits for it hears of a failure.
    opening.wire.catch(() => undefined);
    this.#opening.set(peer, opening);
    return opening;
  }

  async #dial(peer: PeerId, onConnected: () => void): Promise<BlobWire> {
    const { directory, open, counts, nowMs } = this.#input;
    const facts = directory.facts(peer);
    if (facts === undefined) throw new WireDialError(peer, 'nobody has told where it is');
    let connectedAtMs: number | undefined;
    try {
      const wire = await open(facts, () => {
        connectedAtMs = nowMs();
        onConnected();
      });
      const endedAtMs = nowMs();
      directory.handshakes.took(endedAtMs - (connectedAtMs ?? endedAtMs), endedAtMs);
      this.#refusedUntil.delete(peer);
      this.adopt(wire);
      return wire;
    } catch (error) {
      counts.dialFailed(connectedAtMs === undefined ? 'unreachable' : 'refused');
      if (connectedAtMs !== undefined) this.#refuse(peer, nowMs());
      else directory.miss(facts.host);
      throw error;
    }
  }

  #refuse(peer: PeerId, nowMs: number): void {
    for (const [other, untilMs] of this.#refusedUntil) {
      if (untilMs <= nowMs) this.#refusedUntil.delete(other);
    }
    this.#refusedUntil.set(peer, nowMs + REFUSED_MS);
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
