/**
 * Who is asked less because it only refuses. A peer that says it holds something has it, so that it is
 * left out at once, though not for long at first. A home that holds nothing yet has to fetch it and
 * serves others first; only when one has refused all for as long as a read waits for it, other reads do
 * not wait as long again. A busy peer answers something soon, and then nothing is held against it.
 */
import type { PeerId } from '../identity/peer-id.ts';
import { HOLDER_GRACE_MS, HOLDER_PAUSE_MS, HOME_PAUSE_MS } from './limits.ts';
import { READ_POLICY } from './read-policy.ts';
import { RefusalStreaks, type Willingness } from './refusal-streaks.ts';

export class Refusals {
  readonly #holders = new RefusalStreaks({
    graceMs: HOLDER_GRACE_MS,
    pauseMs: HOLDER_PAUSE_MS,
  });
  readonly #homes = new RefusalStreaks({
    graceMs: READ_POLICY.homePatienceMs,
    pauseMs: HOME_PAUSE_MS,
  });

  /** `isHolder`: it says that it holds what it refuses. `random`: of [0, 1). */
  refused(peer: PeerId, isHolder: boolean, nowMs: number, random: number): void {
    if (isHolder) this.#holders.refused(peer, nowMs, random);
    this.#homes.refused(peer, nowMs, random);
  }

  answered(peer: PeerId): void {
    this.#holders.answered(peer);
    this.#homes.answered(peer);
  }

  /** Whether it gives what it says it holds, or what it is the home of. */
  of(peer: PeerId, nowMs: number, isHome = false): Willingness {
    return (isHome ? this.#homes : this.#holders).of(peer, nowMs);
  }
}
