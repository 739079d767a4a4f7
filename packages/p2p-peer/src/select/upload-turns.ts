/**
 * Who is next where a limit lets less out than others want. The most urgent first, among those who have
 * had no more than the others but for a piece: whoever calls everything urgent has his share and nothing
 * beyond. Each eighth turn is that of the peer that has had least, whatever it waits for.
 */
import { PRIORITIES, type Priority } from '@shoal/blob-store';
import type { PeerId } from '../identity/peer-id.ts';
import { PIECE_BYTES } from '../limits.ts';
import { TURNS_OF_OLDEST, UrgentFirst } from './urgent-first.ts';

export type UploadTurn = {
  readonly peer: PeerId;
  readonly bytes: number;
  readonly priority: Priority;
};

type Queue<T extends UploadTurn> = { readonly items: UrgentFirst<T>; servedBytes: number };

/** What a peer may have had more than the one that had least, before urgency counts no more. */
const AHEAD_BYTES_MAX = PIECE_BYTES;

export class UploadTurns<T extends UploadTurn> {
  /** Of peers that wait, or have had more than those who do. */
  readonly #queues = new Map<PeerId, Queue<T>>();
  #size = 0;
  #turns = 0;

  get size(): number {
    return this.#size;
  }

  push(item: T): void {
    const queue = this.#queues.get(item.peer) ?? { items: new UrgentFirst<T>(), servedBytes: 0 };
    // Nobody saves up what he did not want before.
    if (queue.items.size === 0) queue.servedBytes = Math.max(queue.servedBytes, this.#leastBytes());
    queue.items.push(item);
    this.#queues.set(item.peer, queue);
    this.#size += 1;
  }

  /** Whose turn it is; the same until something comes or goes. */
  peek(): T | undefined {
    const isTurnOfLeast = this.#turns % TURNS_OF_OLDEST === TURNS_OF_OLDEST - 1;
    const leastBytes = this.#leastBytes();
    let best: { readonly item: T; readonly rank: number; readonly servedBytes: number } | undefined;
    for (const { items, servedBytes } of this.#queues.values()) {
      const item = isTurnOfLeast ? items.oldest() : items.peek();
      if (item === undefined) continue;
      const isAhead = servedBytes >= leastBytes + AHEAD_BYTES_MAX;
      const rank = isTurnOfLeast || isAhead ? PRIORITIES.length : PRIORITIES.indexOf(item.priority);
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
    this.#left();
  }

  /** False when it does not wait here. */
  remove(item: T): boolean {
    const isRemoved = this.#queues.get(item.peer)?.items.remove(item) === true;
    if (isRemoved) this.#left();
    return isRemoved;
  }

  /** What goes out before one that came now: of each other peer no more than this one wants itself. */
  bytesBefore({ peer, bytes, priority }: UploadTurn): number {
    const own = bytesOf(this.#queues.get(peer)?.items ?? [], priority);
    let before = own;
    for (const [other, { items }] of this.#queues) {
      if (other !== peer) before += Math.min(bytesOf(items, priority), own + bytes);
    }
    return before;
  }

  *[Symbol.iterator](): Generator<T> {
    for (const { items } of this.#queues.values()) yield* items;
  }

  /** Of those who wait. */
  #leastBytes(): number {
    let least = Number.POSITIVE_INFINITY;
    for (const { items, servedBytes } of this.#queues.values()) {
      if (items.size > 0) least = Math.min(least, servedBytes);
    }
    return Number.isFinite(least) ? least : 0;
  }

  /** Who waits for nothing and has had no more than others is as good as new. */
  #left(): void {
    this.#size -= 1;
    const leastBytes = this.#size === 0 ? Number.POSITIVE_INFINITY : this.#leastBytes();
    for (const [peer, { items, servedBytes }] of this.#queues) {
      if (items.size === 0 && servedBytes <= leastBytes) this.#queues.delete(peer);
    }
  }
}

/** Those that are as urgent or more. */
function bytesOf(items: Iterable<UploadTurn>, priority: Priority): number {
  const rankMax = PRIORITIES.indexOf(priority);
  let sum = 0;
  for (const item of items) if (PRIORITIES.indexOf(item.priority) <= rankMax) sum += item.bytes;
  return sum;
}
