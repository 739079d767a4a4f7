/** One end of a wire between two simulated hosts, and a block that was asked for on it. */
import type { ByteRange, PeerId } from '@shoal/p2p-peer';
import {
  type Candidate,
  type Distance,
  distanceBetween,
  LatencyEstimate,
  type Upload,
  type Willingness,
} from '@shoal/p2p-peer/select';
import { ONE_WAY_MS } from './cluster.ts';
import { PieceBits } from './piece-bits.ts';
import type { PieceRead } from './piece-read.ts';
import type { SimHost } from './sim-host.ts';

/** What may be outstanding on a wire: 64 requests of 128 KiB. */
const WIRE_BYTES_MAX = 8 << 20;

export type WireState = 'none' | 'dialing' | 'open';

export class SimWire implements Candidate {
  readonly self: SimHost;
  readonly other: SimHost;
  readonly peer: PeerId;
  readonly distance: Distance;
  readonly oneWayMs: number;
  /** What the other side has told. */
  readonly held = new PieceBits();
  readonly latency: LatencyEstimate;
  readonly asHome: Candidate;
  state: WireState = 'none';
  outstandingBytes = 0;
  dialledAtMs = 0;
  connectedAtMs = 0;
  usefulAtMs = 0;
  /** When bytes came last. */
  heardAtMs = Number.NEGATIVE_INFINITY;
  /** Until the wire is open. */
  waiting: SimAsk[] = [];

  constructor(self: SimHost, other: SimHost) {
    this.self = self;
    this.other = other;
    this.peer = other.peer;
    this.distance = distanceBetween(self.facts, other.facts);
    this.oneWayMs = ONE_WAY_MS[this.distance];
    this.asHome = new HomeEnd(this);
    this.latency = new LatencyEstimate(2 + 2 * this.oneWayMs, 20);
  }

  get latencyMs(): number {
    return this.latency.averageMs;
  }

  get p95Ms(): number {
    return this.latency.p95Ms;
  }

  get isFull(): boolean {
    return this.outstandingBytes >= WIRE_BYTES_MAX;
  }

  get isBanned(): boolean {
    return this.self.isBanned(this);
  }

  get creditBytes(): number {
    const { self, other, peer } = this;
    return other.facts.role === 'seed' ? Number.POSITIVE_INFINITY : self.credits.roomBytes(peer);
  }

  get willingness(): Willingness {
    return this.self.refusals.of(this.peer, this.self.nowMs);
  }
}

/** The other side, asked as the home of something. */
class HomeEnd implements Candidate {
  readonly #wire: SimWire;
  readonly peer: PeerId;
  readonly distance: Distance;

  constructor(wire: SimWire) {
    this.#wire = wire;
    this.peer = wire.peer;
    this.distance = wire.distance;
  }

  get outstandingBytes(): number {
    return this.#wire.outstandingBytes;
  }

  get latencyMs(): number {
    return this.#wire.latencyMs;
  }

  get p95Ms(): number {
    return this.#wire.p95Ms;
  }

  get isFull(): boolean {
    return this.#wire.isFull;
  }

  get isBanned(): boolean {
    return this.#wire.isBanned;
  }

  get creditBytes(): number {
    return this.#wire.creditBytes;
  }

  get willingness(): Willingness {
    const { self, peer } = this.#wire;
    return self.refusals.of(peer, self.nowMs, true);
  }
}

/** A request; an upload of the other side while it is there. */
export class SimAsk implements Upload {
  readonly wire: SimWire;
  readonly read: PieceRead;
  readonly range: ByteRange;
  readonly peer: PeerId;
  readonly piece: number;
  readonly bytes: number;
  readonly priority = 'demand';
  readonly askedAtMs: number;
  /** Answered, refused, cancelled, or the wire has closed: whatever still comes is of no use. */
  isOver = false;

  constructor(wire: SimWire, read: PieceRead, range: ByteRange, askedAtMs: number) {
    this.wire = wire;
    this.read = read;
    this.range = range;
    // Who takes it, as the sender sees it.
    this.peer = wire.self.peer;
    this.piece = read.piece;
    this.bytes = range.end - range.start;
    this.askedAtMs = askedAtMs;
  }
}
