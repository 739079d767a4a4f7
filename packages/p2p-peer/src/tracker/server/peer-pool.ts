/**
 * The peers of one swarm by where they stand, and who of them is handed out: half from the asker's
 * rack, a third from the rest of its zone, the others from elsewhere, so that no group is an island.
 * Within each, those that have everything come first. One answer costs as much as it is long,
 * however many peers there are.
 */
import { IndexedMap } from './indexed-map.ts';

/** Where a peer stands, and whether it has everything. */
export type PoolPeer = {
  readonly key: string;
  readonly zone: string;
  readonly rack: string;
  readonly isComplete: boolean;
};

type Racks<Peer> = IndexedMap<string, IndexedMap<string, Peer>>;
type Zones<Peer> = IndexedMap<string, Racks<Peer>>;

export class PeerPool<Peer extends PoolPeer> {
  readonly #complete: Zones<Peer> = new IndexedMap();
  readonly #incomplete: Zones<Peer> = new IndexedMap();

  /** It stays where it is until it is deleted: to move a peer, delete it before it changes. */
  add(peer: Peer): void {
    const zones = this.#zonesOf(peer);
    const racks = zones.get(peer.zone) ?? new IndexedMap();
    const peers = racks.get(peer.rack) ?? new IndexedMap();
    peers.set(peer.key, peer);
    racks.set(peer.rack, peers);
    zones.set(peer.zone, racks);
  }

  delete(peer: Peer): void {
    const zones = this.#zonesOf(peer);
    const racks = zones.get(peer.zone);
    const peers = racks?.get(peer.rack);
    peers?.delete(peer.key);
    if (peers?.size === 0) racks?.delete(peer.rack);
    if (racks?.size === 0) zones.delete(peer.zone);
  }

  #zonesOf(peer: PoolPeer): Zones<Peer> {
    return peer.isComplete ? this.#complete : this.#incomplete;
  }

  /** At most `count`, never the asker. `random` gives 0 to 1. */
  pick(asker: PoolPeer, count: number, random: () => number): readonly Peer[] {
    // Who has everything looks for those who have not.
    const halves = asker.isComplete
      ? [this.#incomplete, this.#complete]
      : [this.#complete, this.#incomplete];
    const rack = inRack(halves, asker, random);
    const zone = inZone(halves, asker, random, count);
    const elsewhere = inOtherZones(halves, asker, random, count);
    const picked: Peer[] = [];
    const take = (from: Generator<Peer, void>, wanted: number) => {
      for (let taken = 0; taken < wanted && picked.length < count; ) {
        const { value, done } = from.next();
        if (done === true || value === undefined) return;
        if (value.key === asker.key) continue;
        picked.push(value);
        taken += 1;
      }
    };
    const rackCount = Math.ceil(count / 2);
    const zoneCount = Math.floor(count / 3);
    take(rack, rackCount);
    take(zone, zoneCount);
    take(elsewhere, count - rackCount - zoneCount);
    // Where one group is small the others fill up, the near ones first.
    for (const group of [rack, zone, elsewhere]) take(group, count);
    return picked;
  }
}

type Halves<Peer> = readonly Zones<Peer>[];

function* inRack<Peer>(
  halves: Halves<Peer>,
  { zone, rack }: PoolPeer,
  random: () => number,
): Generator<Peer, void> {
  for (const zones of halves) {
    const peers = zones.get(zone)?.get(rack);
    if (peers !== undefined) yield* peers.shuffled(random);
  }
}

function* inZone<Peer>(
  halves: Halves<Peer>,
  { zone, rack }: PoolPeer,
  random: () => number,
  count: number,
): Generator<Peer, void> {
  for (const zones of halves) {
    const racks = zones.get(zone);
    if (racks !== undefined) yield* spread(racks, racks.get(rack), random, count);
  }
}

function* inOtherZones<Peer>(
  halves: Halves<Peer>,
  { zone }: PoolPeer,
  random: () => number,
  count: number,
): Generator<Peer, void> {
  for (const zones of halves) {
    const own = zones.get(zone);
    const others = zones.shuffled(random);
    yield* inTurn(take(others, own, count).map((racks) => spread(racks, undefined, random, count)));
  }
}

/** From all racks but one, one of each in turn. */
function* spread<Peer>(
  racks: Racks<Peer>,
  without: IndexedMap<string, Peer> | undefined,
  random: () => number,
  count: number,
): Generator<Peer, void> {
  const others = take(racks.shuffled(random), without, count);
  yield* inTurn(others.map((peers) => peers.shuffled(random)));
}

/** More groups than peers are wanted need not be looked at: none is empty. */
function take<Value>(from: Iterable<Value>, without: Value | undefined, count: number): Value[] {
  const taken: Value[] = [];
  for (const value of from) {
    if (taken.length === count) break;
    if (value !== without) taken.push(value);
  }
  return taken;
}

function* inTurn<Value>(sources: readonly Generator<Value, void>[]): Generator<Value, void> {
  let left = sources;
  while (left.length > 0) {
    const still: Generator<Value, void>[] = [];
    for (const source of left) {
      const { value, done } = source.next();
      if (done === true || value === undefined) continue;
      yield value;
      still.push(source);
    }
    left = still;
  }
}
