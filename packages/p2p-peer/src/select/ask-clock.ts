/** How long an asked peer is waited for: until it is hedged, late, or taken for dead. */
import type { Ask, Block, BlockState } from './block-state.ts';
import type { Candidate } from './candidate.ts';
import type { AskReason, SwarmView } from './read-action.ts';
import type { ReadPolicy } from './read-policy.ts';

/** What to make of a peer that has not answered yet. */
export type AskVerdict = 'in time' | 'late' | 'silent';

/** So many times the patience with a peer when it is the own link that is slow. */
const OWN_LINK_PATIENCE = 4;
/** So many times the longest silence of late: the next one may be longer. */
const PAUSE_TIMES = 3;
const NEVER = Number.POSITIVE_INFINITY;

export class AskClock {
  readonly #view: SwarmView;
  readonly #policy: ReadPolicy;

  constructor(view: SwarmView, policy: ReadPolicy) {
    this.#view = view;
    this.#policy = policy;
  }

  ask(block: Block, { peer, patienceMs }: Candidate, reason: AskReason, nowMs: number): Ask {
    const { blockTimeoutMs, homePatienceMs } = this.#policy;
    const patienceEndsMs = (block.home?.sinceMs ?? nowMs) + homePatienceMs;
    const lateAtMs = reason === 'home' ? patienceEndsMs : nowMs + (patienceMs ?? blockTimeoutMs);
    return { peer, reason, askedAtMs: nowMs, lateAtMs };
  }

  /** Who holds it should answer as it mostly does; a home may have to fetch it first. */
  hedgeAtMs(block: Block, { p95Ms }: Candidate, reason: AskReason, nowMs: number): number {
    if (block.wasHedged) return NEVER;
    const { hedgeMinMs, hedgeMaxMs } = this.#policy;
    return (
      nowMs + (reason === 'home' ? hedgeMaxMs : Math.min(Math.max(p95Ms, hedgeMinMs), hedgeMaxMs))
    );
  }

  /** Without room the own link is what is slow, and no second ask makes it faster. */
  get isHedgeOfUse(): boolean {
    return this.#policy.isDemand() && this.#policy.roomBytes() > 0;
  }

  verdict(ask: Ask, nowMs: number): AskVerdict {
    if (nowMs >= this.#silentAtMs(ask)) return 'silent';
    return nowMs >= this.#lateAtMs(ask) ? 'late' : 'in time';
  }

  /** When something has to be done about a block if nothing happens. */
  dueMs(state: BlockState, nowMs: number): number {
    if (state.kind === 'waiting') return state.untilMs;
    if (state.kind !== 'asked') return NEVER;
    let dueMs = state.hedgeAtMs;
    for (const ask of state.asks) {
      // While the own link is full it is looked at now and then.
      const lateMs = ask.lateAtMs > nowMs ? ask.lateAtMs : nowMs + this.#policy.hedgeMaxMs;
      dueMs = Math.min(dueMs, this.#silentAtMs(ask), lateMs);
    }
    return dueMs;
  }

  #lateAtMs({ reason, askedAtMs, lateAtMs }: Ask): number {
    const { blockTimeoutMs, roomBytes } = this.#policy;
    if (reason === 'home' || roomBytes() > 0) return lateAtMs;
    return Math.max(lateAtMs, askedAtMs + OWN_LINK_PATIENCE * blockTimeoutMs);
  }

  #silentAtMs({ peer, askedAtMs }: Ask): number {
    const patienceMs = silencePatienceMs(this.#policy, this.#view.pauseMs(peer));
    return Math.max(askedAtMs, this.#view.heardAtMs(peer)) + patienceMs;
  }
}

/** How long a silence is borne: of one that was silent and lived, for longer. */
export function silencePatienceMs(
  { silenceMs, silenceMsMax }: Pick<ReadPolicy, 'silenceMs' | 'silenceMsMax'>,
  pauseMs: number,
): number {
  return Math.min(Math.max(silenceMs, PAUSE_TIMES * pauseMs), silenceMsMax);
}
