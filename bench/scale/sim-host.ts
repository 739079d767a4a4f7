/** A simulated host: what it holds, whom it knows, its links; reading and serving are parts of it. */
import type { ByteRange, HostFacts, HostName, PeerId } from '@shoal/p2p-peer';
import { peerIdOf } from '@shoal/p2p-peer/peer-id';
import {
  Bans,
  BLOCK_BYTES_MAX,
  type Candidate,
  EXTENT_BYTES,
  PeerCredits,
  PIECE_BYTES,
  Refusals,
  type SwarmView,
} from '@shoal/p2p-peer/select';
import { DIAL_PATIENCE_MS, HAVE_DELAY_MS, ONE_WAY_MS } from './cluster.ts';
import { PieceBits } from './piece-bits.ts';
import { Reading } from './reading.ts';
import { Serving } from './serving.ts';
import type { SimWire } from './sim-wire.ts';
import { Wires } from './wires.ts';
import type { World } from './world.ts';

/** A host that could not be reached is left out of homes for so long. */
const ABSENT_MS = 5000;

export type HostTraits = {
  readonly bytesPerMs: number;
  readonly isLiar: boolean;
  readonly isSlow: boolean;
  /** Refuses whatever it is asked for. */
  readonly isWithholder: boolean;
};

export class SimHost implements SwarmView {
  readonly world: World;
  readonly facts: HostFacts;
  readonly peer: PeerId;
  readonly traits: HostTraits;
  readonly held = new PieceBits();
  readonly bans = new Bans((offence, peer) => {
    if (offence === 'lied') this.credits.forget(peer);
  });
  readonly credits = new PeerCredits();
  readonly refusals = new Refusals();
  readonly wires: Wires;
  readonly reading: Reading;
  readonly serving: Serving;
  isAlive = true;
  hasDiedSilently = false;
  hasAnnounced = false;
  /** Handshakes wait for each other. */
  cpuFreeAtMs = 0;
  readonly #absent = new Set<HostName>();
  readonly #untold = new PieceBits();
  #downFreeAtMs = 0;
  /** Who holds the piece that was asked for last, unless a wire has changed since. */
  #found: readonly SimWire[] = [];
  #heldPiece = -1;
  #heldVersion = -1;

  constructor(world: World, facts: HostFacts, traits: HostTraits) {
    this.world = world;
    this.facts = facts;
    this.peer = peerIdOf(facts.host);
    this.traits = traits;
    this.wires = new Wires(this);
    this.reading = new Reading(this);
    this.serving = new Serving(this);
  }

  get nowMs(): number {
    return this.world.events.nowMs;
  }

  get knownPeers(): number {
    return this.world.cluster.hosts / this.world.cluster.zones;
  }

  start(): void {
    if (!this.isAlive) return;
    this.wires.start();
    this.reading.start();
  }

  die(isSilent: boolean): void {
    if (!this.isAlive) return;
    this.isAlive = false;
    this.hasDiedSilently = isSilent;
    this.world.figures.deaths += 1;
    if (this.facts.role === 'peer' && !this.reading.isFinished) this.world.unfinished -= 1;
    this.world.tracker.died(this);
    if (!isSilent) this.wires.closeAll();
  }

  holders({ start }: ByteRange): readonly Candidate[] {
    // The blocks of a piece are routed one after the other, and nothing happens between them.
    const piece = Math.floor(start / PIECE_BYTES);
    if (this.#heldPiece === piece && this.#heldVersion === this.wires.version) return this.#found;
    const found: SimWire[] = [];
    for (const wire of this.wires.open.values()) if (wire.held.has(piece)) found.push(wire);
    this.#found = found;
    this.#heldPiece = piece;
    this.#heldVersion = this.wires.version;
    return found;
  }

  homes({ start }: ByteRange): readonly (Candidate | 'self')[] {
    return this.homeHosts(Math.floor(start / EXTENT_BYTES)).map((facts) =>
      facts === this.facts ? 'self' : this.wires.to(this.world.host(facts.host)).asHome,
    );
  }

  homeHosts(extent: number): readonly HostFacts[] {
    return this.world.homes.homes(this.facts, extent, this.world.tracker.hosts, this.#absent);
  }

  isHomeOf(piece: number): boolean {
    const extent = Math.floor((piece * PIECE_BYTES) / EXTENT_BYTES);
    return this.homeHosts(extent).includes(this.facts);
  }

  /** Whoever lives says so every 50 ms to those who wait, behind the block that it sends. */
  heardAtMs(peer: PeerId): number {
    const wire = this.wires.known(peer);
    if (wire === undefined) return Number.NEGATIVE_INFINITY;
    const { other } = wire;
    const isThere = other.isAlive && this.world.canReach(this, other);
    // Whose kernel has answered is there, and busy: the handshake has a deadline of its own.
    if (wire.state === 'dialing') {
      return isThere ? this.nowMs : Math.min(this.nowMs, wire.dialledAtMs + DIAL_PATIENCE_MS);
    }
    if (!isThere) return wire.heardAtMs;
    const blockMs = other.serving.isSending ? BLOCK_BYTES_MAX / other.traits.bytesPerMs : 0;
    return Math.max(wire.heardAtMs, this.nowMs - 50 - wire.oneWayMs - blockMs);
  }

  /** Nobody is busy here: processors are not modelled. */
  pauseMs(): number {
    return 0;
  }

  isBanned({ peer, other }: SimWire): boolean {
    if (this.bans.count === 0) return false;
    return this.bans.isBanned(peer, this.nowMs, other.facts.role === 'seed');
  }

  /** Nobody answered there. */
  miss({ facts }: SimHost): void {
    this.#absent.add(facts.host);
    this.world.events.after(ABSENT_MS, () => this.#absent.delete(facts.host));
  }

  isAbsent({ facts }: SimHost): boolean {
    return this.#absent.has(facts.host);
  }

  /** Bytes come in, one after the other. */
  receive(bytes: number, done: () => void): void {
    const atMs = Math.max(this.nowMs, this.#downFreeAtMs + bytes / this.traits.bytesPerMs);
    this.#downFreeAtMs = atMs;
    if (atMs === this.nowMs) done();
    else {
      this.world.events.at(atMs, () => {
        if (this.isAlive) done();
      });
    }
  }

  /** A piece is verified: it may be served, and others hear of it. */
  hold(piece: number): void {
    this.held.add(piece);
    if (this.#untold.isEmpty) this.world.events.after(HAVE_DELAY_MS, () => this.#tell());
    this.#untold.add(piece);
  }

  #tell(): void {
    const told = this.#untold.take();
    if (!this.isAlive) return;
    const wires = [...this.wires.open.values()];
    this.world.figures.messages += wires.length;
    for (const [distance, oneWayMs] of Object.entries(ONE_WAY_MS)) {
      const near = wires.filter((wire) => wire.distance === distance);
      if (near.length === 0) continue;
      this.world.events.after(oneWayMs, () => {
        for (const { other } of near) other.wires.hear(this, told);
      });
    }
  }
}
