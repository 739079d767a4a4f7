/** What one read has learnt of the peers it asked: who is gone, who said no and until when. */
import type { PeerId } from '../identity/peer-id.ts';
import { PASSED_MS } from './limits.ts';

export type Standing =
  /** May be asked. */
  | { readonly kind: 'free' }
  /** Said that it is busy: asked again then. */
  | { readonly kind: 'busy'; readonly untilMs: number }
  /** Said nothing, too little, or that it cannot: others have their turn until then. */
  | { readonly kind: 'passed'; readonly untilMs: number }
  /** Its wire has closed. */
  | { readonly kind: 'lost' };

const FREE: Standing = { kind: 'free' };
const LOST: Standing = { kind: 'lost' };

export class PeerStandings {
  readonly #lost = new Set<PeerId>();
  readonly #passedUntil = new Map<PeerId, number>();
  readonly #busy = new Map<PeerId, { readonly untilMs: number; readonly delayMs: number }>();

  of(peer: PeerId, nowMs: number): Standing {
    if (this.#lost.size > 0 && this.#lost.has(peer)) return LOST;
    const passedUntil = this.#passedUntil.get(peer);
    if (passedUntil !== undefined && passedUntil > nowMs) {
      return { kind: 'passed', untilMs: passedUntil };
    }
    const busy = this.#busy.get(peer);
    return busy !== undefined && busy.untilMs > nowMs
      ? { kind: 'busy', untilMs: busy.untilMs }
      : FREE;
  }

  /** It was met again. */
  join(peer: PeerId): void {
    this.#lost.delete(peer);
    this.#passedUntil.delete(peer);
  }

  lose(peer: PeerId): void {
    this.#lost.add(peer);
  }

  pass(peer: PeerId, nowMs: number): void {
    this.#passedUntil.set(peer, nowMs + PASSED_MS);
  }

  /** Several refusals of one moment count once. */
  refuse(peer: PeerId, nowMs: number, firstMs: number, mostMs: number, random: number): void {
    const before = this.#busy.get(peer);
    if (before !== undefined && before.untilMs > nowMs) return;
    const delayMs = before === undefined ? firstMs : Math.min(before.delayMs * 2, mostMs);
    // Spread over half to one and a half, or all that were refused come back together.
    this.#busy.set(peer, { untilMs: nowMs + delayMs * (0.5 + random), delayMs });
  }

  answer(peer: PeerId): void {
    this.#busy.delete(peer);
  }
}
