/**
 * Who is next where a limit lets less out than others want. The most urgent first, among those who have
 * had no more than the others but for a piece: whoever calls everything urgent has his share and nothing
 * beyond. Whoever was sent away lately counts as one who waits, or he would begin anew each time, as if he had
 * had what the others have. Each eighth turn is that of the peer that has had least, whatever it waits for.
 */
import { byPriority, PRIORITIES, type Priority, rankOf } from '@shoal/blob-store';
import type { PeerId } from '../identity/peer-id.ts';
import {
  UPLOAD_AHEAD_BYTES_MAX,
  UPLOAD_OWED_BYTES_MAX,
  UPLOAD_REFUSED_PEERS_MAX,
} from './limits.ts';
import { TURNS_OF_OLDEST, UrgentFirst } from './urgent-first.ts';

export type UploadTurn = {
  readonly peer: PeerId;
  readonly bytes: number;
  readonly priority: Priority;
};

type Queue<T extends UploadTurn> = {
  readonly items: UrgentFirst<T>;
  /** Of what waits: looked at with each request, and many small ones may wait. */
  readonly bytes: Record<Priority, number>;
  servedBytes: number;
};

export class UploadTurns<T extends UploadTurn> {
  /** Of peers that want something, or have had more than those who do. */
  readonly #queues = new Map<PeerId, Queue<T>>();
  /** Who was sent away, and when; the oldest first. */
  readonly #refusedAtMs = new Map<PeerId, number>();
  #size = 0;
  #turns = 0;

  get size(): number {
    return this.#size;
  }

  /** Peers that something is remembered of. */
  get known(): number {
    return this.#queues.size;
  }

  push(item: T): void {
    const queue = this.#queueOf(item.peer);
    queue.items.push(item);
    queue.bytes[item.priority] += item.bytes;
    this.#size += 1;
  }

  /** Its peer was told to ask again: it wants something, though it does not wait here. */
  refused(peer: PeerId, nowMs: number): void {
    this.#queueOf(peer);
    this.#refusedAtMs.delete(peer);
    this.#refusedAtMs.set(peer, nowMs);
    const [oldest] = this.#refusedAtMs.keys();
    if (this.#refusedAtMs.size > UPLOAD_REFUSED_PEERS_MAX && oldest !== undefined) {
      this.#refusedAtMs.delete(oldest);
      this.#forget();
    }
  }

  /** Whoever was refused before has asked somebody else since. */
  forgetRefused(beforeMs: number): void {
    const before = this.#refusedAtMs.size;
    for (const [peer, atMs] of this.#refusedAtMs) {
      if (atMs >= beforeMs) break;
      this.#refusedAtMs.delete(peer);
    }
    if (this.#refusedAtMs.size < before) this.#forget();
  }

  /** It has had a piece more than another one that wants something. */
  isAhead(peer: PeerId): boolean {
    const servedBytes = this.#queues.get(peer)?.servedBytes ?? 0;
    return servedBytes >= this.#leastBytes() + UPLOAD_AHEAD_BYTES_MAX;
  }

  /** Whose turn it is; the same until something comes or goes. */
  peek(): T | undefined {
    const isTurnOfLeast = this.#turns % TURNS_OF_OLDEST === TURNS_OF_OLDEST - 1;
    const leastBytes = this.#leastBytes();
    let best: { readonly item: T; readonly rank: number; readonly servedBytes: number } | undefined;
    for (const { items, servedBytes } of this.#queues.values()) {
      const item = isTurnOfLeast ? items.oldest() : items.peek();
      if (item === undefined) continue;
      const isAhead = servedBytes >= leastBytes + UPLOAD_AHEAD_BYTES_MAX;
      const rank = isTurnOfLeast || isAhead ? PRIORITIES.length : rankOf(item.priority);
      const isBetter =
        best === undefined ||
        rank < best.rank ||
        (rank === best.rank && servedBytes < best.servedBytes);
      if (isBetter) best = { item, rank, servedBytes };
    }
    return best?.item;
  }

  /** It has had its turn. */
  take(item: T): void {
    const queue = this.#queues.get(item.peer);
    if (queue === undefined) return;
    queue.items.take(item);
    queue.servedBytes += item.bytes;
    this.#turns += 1;
    this.#left(queue, item);
  }

  /** False when it does not wait here. */
  remove(item: T): boolean {
    const queue = this.#queues.get(item.peer);
    if (queue?.items.remove(item) !== true) return false;
    this.#left(queue, item);
    return true;
  }

  /** What goes out before one that came now: of each other peer no more than this one wants itself. */
  bytesBefore({ peer, bytes, priority }: UploadTurn): number {
    const own = bytesOf(this.#queues.get(peer), priority);
    let before = own;
    for (const [other, queue] of this.#queues) {
      if (other !== peer) before += Math.min(bytesOf(queue, priority), own + bytes);
    }
    return before;
  }

  *[Symbol.iterator](): Generator<T> {
    for (const { items } of this.#queues.values()) yield* items;
  }

  /** Nobody saves up what he did not want before, and of what he did want no more than some pieces. */
  #queueOf(peer: PeerId): Queue<T> {
    const queue = this.#queues.get(peer) ?? newQueue<T>();
    if (!this.#wants(peer, queue)) {
      queue.servedBytes = Math.max(queue.servedBytes, this.#leastBytes());
    } else if (queue.items.size === 0) {
      queue.servedBytes = Math.max(
        queue.servedBytes,
        this.#leastBytes(peer) - UPLOAD_OWED_BYTES_MAX,
      );
    }
    this.#queues.set(peer, queue);
    return queue;
  }

  #wants(peer: PeerId, { items }: Queue<T>): boolean {
    return items.size > 0 || this.#refusedAtMs.has(peer);
  }

  /** Of those who want something, but one. */
  #leastBytes(except?: PeerId): number {
    let least = Number.POSITIVE_INFINITY;
    for (const [peer, queue] of this.#queues) {
      if (peer !== except && this.#wants(peer, queue)) least = Math.min(least, queue.servedBytes);
    }
    return Number.isFinite(least) ? least : 0;
  }

  #left({ bytes }: Queue<T>, item: T): void {
    bytes[item.priority] -= item.bytes;
    this.#size -= 1;
    this.#forget();
  }

  /** Who wants nothing and has had no more than others is as good as new. */
  #forget(): void {
    const isAnyWanted = this.#size > 0 || this.#refusedAtMs.size > 0;
    const leastBytes = isAnyWanted ? this.#leastBytes() : Number.POSITIVE_INFINITY;
    for (const [peer, queue] of this.#queues) {
      if (!this.#wants(peer, queue) && queue.servedBytes <= leastBytes) this.#queues.delete(peer);
    }
  }
}

function newQueue<T extends UploadTurn>(): Queue<T> {
  return { items: new UrgentFirst<T>(), bytes: byPriority(() => 0), servedBytes: 0 };
}

/** Of what is as urgent or more. */
function bytesOf(queue: Pick<Queue<UploadTurn>, 'bytes'> | undefined, priority: Priority): number {
  if (queue === undefined) return 0;
  const kinds = PRIORITIES.slice(0, rankOf(priority) + 1);
  return kinds.reduce((sum, kind) => sum + queue.bytes[kind], 0);
}
