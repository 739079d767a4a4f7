/** The wires of a simulated host: dialled for neighbours and homes, opened, closed, replaced. */
import type { PeerId } from '@shoal/p2p-peer';
import { type Neighbour, NeighbourPolicy } from '@shoal/p2p-peer/select';
import { DIAL_DEADLINE_MS, HANDSHAKE_DEADLINE_MS, HANDSHAKE_MS } from './cluster.ts';
import type { PieceBits } from './piece-bits.ts';
import type { SimHost } from './sim-host.ts';
import { SimWire } from './sim-wire.ts';

/** Announces are spread, or a tracker gets them all in one moment. */
const ANNOUNCE_JITTER_MS = 20;
const TRACKER_MS = 2;
const ANNOUNCE_INTERVAL_MS = 30_000;
const FEW_NEIGHBOURS = 10;
const LOOK_INTERVAL_MS = 1000;
/** Until there are some: whoever announced first was told of nobody. */
const LOOK_SOON_MS = 100;

export class Wires {
  readonly open = new Map<PeerId, SimWire>();
  /** Changes with what is open, and with what is held there. */
  version = 0;
  readonly #host: SimHost;
  readonly #all = new Map<PeerId, SimWire>();
  readonly #policy: NeighbourPolicy;
  #known: readonly SimHost[] = [];
  #announcedAtMs = Number.NEGATIVE_INFINITY;

  constructor(host: SimHost) {
    this.#host = host;
    this.#policy = new NeighbourPolicy(host.facts, { random: host.world.random });
  }

  start(): void {
    const { events, random } = this.#host.world;
    events.after(TRACKER_MS + ANNOUNCE_JITTER_MS * random(), () => this.#look());
  }

  known(peer: PeerId): SimWire | undefined {
    return this.#all.get(peer);
  }

  to(other: SimHost): SimWire {
    let wire = this.#all.get(other.peer);
    if (wire === undefined) {
      wire = new SimWire(this.#host, other);
      this.#all.set(other.peer, wire);
    }
    return wire;
  }

  /** Opens it, unless that is under way. `isNeighbour`: the other side may say that it has enough. */
  dial(wire: SimWire, isNeighbour: boolean): void {
    if (wire.state !== 'none') return;
    wire.state = 'dialing';
    const { world, nowMs } = this.#host;
    const { other, oneWayMs } = wire;
    wire.dialledAtMs = nowMs;
    if (!other.isAlive || !world.canReach(this.#host, other)) {
      const isRefused = !other.isAlive && !other.hasDiedSilently;
      const delayMs = isRefused ? 2 * oneWayMs : DIAL_DEADLINE_MS;
      world.events.after(delayMs, () => this.#fail(wire, 'lost'));
      return;
    }
    world.figures.handshakes += 1;
    const otherMs = Math.max(nowMs + 3 * oneWayMs, other.cpuFreeAtMs) + HANDSHAKE_MS;
    const ownMs = Math.max(nowMs, this.#host.cpuFreeAtMs) + HANDSHAKE_MS;
    other.cpuFreeAtMs = otherMs;
    this.#host.cpuFreeAtMs = ownMs;
    const openAtMs = Math.max(otherMs, ownMs) + oneWayMs;
    if (openAtMs - nowMs > HANDSHAKE_DEADLINE_MS) {
      world.events.after(HANDSHAKE_DEADLINE_MS, () => this.#fail(wire, 'busy'));
      return;
    }
    world.events.at(openAtMs, () => this.#opened(wire, isNeighbour));
  }

  /** The other side tells that it holds more. */
  hear(from: SimHost, told: PieceBits): void {
    const wire = this.open.get(from.peer);
    if (wire === undefined || !this.#host.isAlive) return;
    if (!this.#host.world.canReach(this.#host, from)) return;
    wire.held.merge(told);
    this.version += 1;
    wire.heardAtMs = this.#host.nowMs;
    this.#host.reading.holdersChanged(told);
  }

  /** Nothing comes from there any more. */
  close(wire: SimWire): void {
    if (wire.state === 'none') return;
    wire.state = 'none';
    wire.held.take();
    this.open.delete(wire.peer);
    this.version += 1;
    this.#host.miss(wire.other);
    this.#host.reading.lost(wire);
  }

  /** This host has gone, and its kernel tells the others so. */
  closeAll(): void {
    for (const { other, oneWayMs } of this.open.values()) {
      this.#host.world.events.after(oneWayMs, () => {
        if (other.isAlive) other.wires.close(other.wires.to(this.#host));
      });
    }
  }

  #opened(wire: SimWire, isNeighbour: boolean): void {
    const { other } = wire;
    if (wire.state === 'open' || !this.#host.isAlive) return;
    if (!other.isAlive) {
      this.#fail(wire, 'lost');
      return;
    }
    // Wires that others need for their reads are not counted as neighbours.
    if (isNeighbour && !other.wires.#policy.accepts(other.wires.open.size)) {
      if (wire.waiting.length === 0) {
        wire.state = 'none';
        return;
      }
    }
    this.#enter(wire);
    other.wires.#enter(other.wires.to(this.#host));
  }

  #enter(wire: SimWire): void {
    wire.state = 'open';
    const { nowMs, reading } = this.#host;
    wire.connectedAtMs = nowMs;
    wire.usefulAtMs = nowMs;
    wire.heardAtMs = nowMs;
    wire.held.merge(wire.other.held);
    this.open.set(wire.peer, wire);
    this.version += 1;
    reading.joined(wire);
    for (const ask of wire.waiting.splice(0)) reading.request(ask);
  }

  #fail(wire: SimWire, why: 'lost' | 'busy'): void {
    if (wire.state !== 'dialing') return;
    wire.state = 'none';
    const waiting = wire.waiting.splice(0);
    if (why === 'busy') for (const ask of waiting) this.#host.reading.refused(ask, 'busy');
    else {
      this.#host.miss(wire.other);
      this.#host.reading.lost(wire);
    }
  }

  /** Looks after neighbours now and then. */
  #look(): void {
    const { world, isAlive, nowMs } = this.#host;
    if (!isAlive) return;
    const sinceMs = nowMs - this.#announcedAtMs;
    const isSoon = this.open.size < FEW_NEIGHBOURS && sinceMs >= LOOK_SOON_MS;
    if (isSoon || sinceMs >= ANNOUNCE_INTERVAL_MS) {
      this.#announcedAtMs = nowMs;
      this.#known = world.tracker.announce(this.#host);
    }
    const isUsable = (other: SimHost) => !this.#host.isAbsent(other);
    const known = this.#known.filter(isUsable).map(({ facts }) => facts);
    const { dial, drop } = this.#policy.plan(known, this.#neighbours(), nowMs);
    for (const name of drop) this.#drop(this.to(world.host(name)));
    for (const { host } of dial) this.dial(this.to(world.host(host)), true);
    const isFew = this.open.size < FEW_NEIGHBOURS;
    world.events.after(isFew ? LOOK_SOON_MS : LOOK_INTERVAL_MS, () => this.#look());
  }

  #neighbours(): Neighbour[] {
    return [...this.open.values()].map(({ other, connectedAtMs, usefulAtMs }) => {
      return { facts: other.facts, connectedAtMs, usefulAtMs };
    });
  }

  /** Both sides know, and neither holds it against the other. */
  #drop(wire: SimWire): void {
    for (const end of [wire, wire.other.wires.to(this.#host)]) {
      if (end.state !== 'open' || end.outstandingBytes > 0) return;
    }
    for (const end of [wire, wire.other.wires.to(this.#host)]) {
      end.state = 'none';
      end.held.take();
      end.self.wires.open.delete(end.peer);
      end.self.wires.version += 1;
    }
  }
}
