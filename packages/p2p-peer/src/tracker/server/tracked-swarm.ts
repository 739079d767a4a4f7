/** One swarm: who is in it. Peers of ours are known by their host, standard clients by their address. */
import { PEERS_HANDED_OUT_MAX } from '../limits.ts';
import type { KnownBlob } from './known-blobs.ts';
import { PeerPool, type PoolPeer } from './peer-pool.ts';
import type { SwarmPeer } from './swarm-peer.ts';

export class TrackedSwarm {
  readonly id: string;
  readonly blob: KnownBlob;
  readonly #peers = new Map<string, SwarmPeer>();
  readonly #pool = new PeerPool<SwarmPeer>();
  #complete = 0;

  constructor(id: string, blob: KnownBlob) {
    this.id = id;
    this.blob = blob;
  }

  get size(): number {
    return this.#peers.size;
  }

  get complete(): number {
    return this.#complete;
  }

  get(key: string): SwarmPeer | undefined {
    return this.#peers.get(key);
  }

  peers(): Iterable<SwarmPeer> {
    return this.#peers.values();
  }

  /** Instead of the one with the same key, if there is one. */
  put(peer: SwarmPeer): void {
    const before = this.#peers.get(peer.key);
    if (before !== undefined) this.delete(before);
    this.#peers.set(peer.key, peer);
    this.#pool.add(peer);
    if (peer.isComplete) this.#complete += 1;
    peer.host?.peers.add(peer);
  }

  delete(peer: SwarmPeer): void {
    if (this.#peers.get(peer.key) !== peer) return;
    this.#peers.delete(peer.key);
    this.#pool.delete(peer);
    if (peer.isComplete) this.#complete -= 1;
    peer.host?.peers.delete(peer);
  }

  /** Others for one that asks. */
  pick(asker: PoolPeer, wanted: number, random: () => number): readonly SwarmPeer[] {
    const count = Math.min(Math.max(0, Math.floor(wanted)), PEERS_HANDED_OUT_MAX);
    return this.#pool.pick(asker, count, random);
  }
}
