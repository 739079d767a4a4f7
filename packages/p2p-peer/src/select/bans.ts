/**
 * Peers that are not asked for a while. One that was slow or silent: 5 seconds, then twice as long,
 * up to a minute, until it has answered well. One that sent wrong bytes: an hour. Homes are not out
 * for long at first, since without them the origin pays; one that never answers is.
 */
import type { PeerId } from '../identity/peer-id.ts';
import {
  BANS_MAX,
  HOME_BAN_MS_MAX,
  LIAR_BAN_MS,
  LYING_HOME_BAN_MS_MAX,
  SLOW_BAN_MS,
  SLOW_BAN_MS_MAX,
  SUSPECT_BAN_MS,
} from './limits.ts';

/**
 * One that is late lives: that says nothing about it as a home, which waits for the origin and serves others
 * first. A suspect may have lied, or another one has.
 */
export type Offence = 'silent' | 'late' | 'lied' | 'suspect';

type Ban = {
  readonly fromMs: number;
  readonly untilMs: number;
  /** The last ban for slowness; the next one is twice as long. */
  readonly slowMs: number;
  readonly offence: Offence;
};

export class Bans {
  readonly #bans = new Map<PeerId, Ban>();
  readonly #onBan: (offence: Offence, peer: PeerId) => void;

  /** `onBan` hears of each, once it counts. */
  constructor(onBan: (offence: Offence, peer: PeerId) => void = () => undefined) {
    this.#onBan = onBan;
  }

  /** Nothing was heard of it, or it lives and has not answered in time. */
  slow(peer: PeerId, nowMs: number, how: Extract<Offence, 'silent' | 'late'> = 'silent'): void {
    const before = this.#bans.get(peer);
    // Several blocks of one peer are late together: that is one offence.
    if (before !== undefined && before.untilMs > nowMs) return;
    const doubled = Math.min((before?.slowMs ?? 0) * 2, SLOW_BAN_MS_MAX);
    const slowMs = Math.max(doubled, SLOW_BAN_MS);
    this.#set(peer, { fromMs: nowMs, untilMs: nowMs + slowMs, slowMs, offence: how });
  }

  liar(peer: PeerId, nowMs: number): void {
    const slowMs = this.#bans.get(peer)?.slowMs ?? 0;
    this.#set(peer, { fromMs: nowMs, untilMs: nowMs + LIAR_BAN_MS, slowMs, offence: 'lied' });
  }

  /** It or another one may have sent wrong bytes. */
  suspect(peer: PeerId, nowMs: number): void {
    const before = this.#bans.get(peer);
    if (before !== undefined && before.untilMs >= nowMs + SUSPECT_BAN_MS) return;
    const untilMs = nowMs + SUSPECT_BAN_MS;
    const slowMs = before?.slowMs ?? 0;
    this.#set(peer, { fromMs: nowMs, untilMs, slowMs, offence: 'suspect' });
  }

  /** Others than it sent the wrong bytes, or they were right. */
  acquit(peer: PeerId): void {
    if (this.#bans.get(peer)?.offence === 'suspect') this.#bans.delete(peer);
  }

  /** It answered in time: the next ban for slowness is a short one again. */
  answered(peer: PeerId, nowMs: number): void {
    const ban = this.#bans.get(peer);
    if (ban !== undefined && ban.untilMs <= nowMs) this.#bans.delete(peer);
  }

  isBanned(peer: PeerId, nowMs: number, isHome = false): boolean {
    const ban = this.#bans.get(peer);
    if (ban === undefined) return false;
    if (!isHome) return nowMs < ban.untilMs;
    if (ban.offence === 'late') return false;
    return nowMs < Math.min(ban.untilMs, ban.fromMs + homeBanMs(ban));
  }

  get count(): number {
    return this.#bans.size;
  }

  #set(peer: PeerId, ban: Ban): void {
    this.#bans.delete(peer);
    this.#bans.set(peer, ban);
    if (this.#bans.size > BANS_MAX) {
      const [oldest] = this.#bans.keys();
      if (oldest !== undefined) this.#bans.delete(oldest);
    }
    this.#onBan(ban.offence, peer);
  }
}

function homeBanMs({ offence, slowMs }: Ban): number {
  if (offence === 'lied') return LYING_HOME_BAN_MS_MAX;
  return slowMs > SLOW_BAN_MS ? slowMs / 2 : HOME_BAN_MS_MAX;
}
