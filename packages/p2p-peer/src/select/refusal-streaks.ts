/**
 * Peers that refuse one ask after the other and answer none in between. Each is left out for a while,
 * twice as long with every further refusal, and asked for one block in between: an answer ends it.
 */
import type { PeerId } from '../identity/peer-id.ts';
import { REFUSAL_FORGOTTEN_MS, REFUSAL_PAUSE_MS_MAX, REFUSING_PEERS_MAX } from './limits.ts';

/**
 * `willing`: nothing is known against it. `doubted`: it has refused all since it last answered, so that one
 * block at a time is asked of it. `refusing`: it has just done that again; others have their turn.
 */
export type Willingness = 'willing' | 'doubted' | 'refusing';

export type RefusalStreaksOptions = {
  /** Refusals of so long say only that it is busy. */
  readonly graceMs: number;
  /** The first time that it is left out. */
  readonly pauseMs: number;
};

type Streak = {
  readonly sinceMs: number;
  readonly lastMs: number;
  /** 0 while it is not left out. */
  readonly pauseMs: number;
  readonly untilMs: number;
};

export class RefusalStreaks {
  readonly #options: RefusalStreaksOptions;
  readonly #streaks = new Map<PeerId, Streak>();

  constructor(options: RefusalStreaksOptions) {
    this.#options = options;
  }

  /** Several refusals of one moment count once. `random`: of [0, 1). */
  refused(peer: PeerId, nowMs: number, random: number): void {
    const before = this.#recent(peer, nowMs);
    if (before !== undefined && before.untilMs > nowMs) return;
    const sinceMs = before?.sinceMs ?? nowMs;
    const pauseMs = nowMs - sinceMs < this.#options.graceMs ? 0 : this.#pauseAfter(before);
    // Spread over half to one and a half, or all that were refused come back together.
    const untilMs = nowMs + pauseMs * (0.5 + random);
    this.#streaks.delete(peer);
    this.#streaks.set(peer, { sinceMs, lastMs: nowMs, pauseMs, untilMs });
    if (this.#streaks.size <= REFUSING_PEERS_MAX) return;
    const [oldest] = this.#streaks.keys();
    if (oldest !== undefined) this.#streaks.delete(oldest);
  }

  /** A block: whatever it has refused, it was busy. */
  answered(peer: PeerId): void {
    this.#streaks.delete(peer);
  }

  of(peer: PeerId, nowMs: number): Willingness {
    if (this.#streaks.size === 0) return 'willing';
    const streak = this.#recent(peer, nowMs);
    if (streak === undefined || streak.pauseMs === 0) return 'willing';
    return nowMs < streak.untilMs ? 'refusing' : 'doubted';
  }

  get count(): number {
    return this.#streaks.size;
  }

  #recent(peer: PeerId, nowMs: number): Streak | undefined {
    const streak = this.#streaks.get(peer);
    if (streak === undefined || nowMs - streak.lastMs >= REFUSAL_FORGOTTEN_MS) return undefined;
    return streak;
  }

  #pauseAfter(before: Streak | undefined): number {
    const doubled = Math.min((before?.pauseMs ?? 0) * 2, REFUSAL_PAUSE_MS_MAX);
    return Math.max(doubled, this.#options.pauseMs);
  }
}
