/**
 * Whom to ask for a block that nobody is asked for: a peer that holds it, else the home of its
 * extent, else the next home, at last the origin, by lottery.
 */
import type { PeerId } from '../identity/peer-id.ts';
import { rangeBytes } from '../ranges/byte-range.ts';
import type { Block } from './block-state.ts';
import type { Candidate } from './candidate.ts';
import { chooseHolder } from './choose-holder.ts';
import { OriginLottery } from './origin-lottery.ts';
import type { PeerStandings } from './peer-standing.ts';
import type { AskReason, SwarmView } from './read-action.ts';
import type { ReadPolicy } from './read-policy.ts';

export type Route =
  | { readonly kind: 'ask'; readonly candidate: Candidate; readonly reason: AskReason }
  | { readonly kind: 'wait'; readonly untilMs: number }
  | { readonly kind: 'origin' }
  | { readonly kind: 'fail' };

const ORIGIN: Route = { kind: 'origin' };

export class BlockRouter {
  readonly #view: SwarmView;
  readonly #policy: ReadPolicy;
  readonly #standings: PeerStandings;
  #lottery: OriginLottery | undefined;

  constructor(view: SwarmView, policy: ReadPolicy, standings: PeerStandings) {
    this.#view = view;
    this.#policy = policy;
    this.#standings = standings;
  }

  /** `addedBytes`: what has been decided for each peer since the view was last told. */
  route(block: Block, nowMs: number, addedBytes: ReadonlyMap<PeerId, number>): Route {
    const candidate = this.holder(block, nowMs, addedBytes);
    if (candidate !== undefined) return { kind: 'ask', candidate, reason: 'holder' };
    const isDrawn = block.homesPassed >= this.#policy.homeRanks && !block.hasOriginFailed;
    if (isDrawn && this.#drawForOrigin(nowMs).kind === 'origin') return ORIGIN;
    const { asksHomes } = this.#policy;
    const atHome = asksHomes ? this.#routeHome(block, nowMs, addedBytes) : undefined;
    if (atHome !== undefined) return atHome;
    if (block.hasOriginFailed) return this.#afterOrigin(block, nowMs);
    return asksHomes ? this.#drawForOrigin(nowMs) : ORIGIN;
  }

  /** Somebody who holds it and may be asked now. */
  holder(
    block: Block,
    nowMs: number,
    addedBytes: ReadonlyMap<PeerId, number>,
  ): Candidate | undefined {
    const isLeftOut = (candidate: Candidate) =>
      this.#standings.of(candidate.peer, nowMs).kind !== 'free' ||
      // Without the origin it may be the only one who has it.
      (!block.hasOriginFailed &&
        !(isWilling(candidate, addedBytes) && hasCredit(candidate, block, addedBytes)));
    return chooseHolder(
      this.#view.holders(block.range),
      this.#policy.random,
      addedBytes,
      isLeftOut,
    );
  }

  /** A second peer beside those that are asked already. */
  hedge(block: Block, nowMs: number, addedBytes: ReadonlyMap<PeerId, number>): Route | undefined {
    const isLeftOut = (candidate: Candidate) =>
      this.#standings.of(candidate.peer, nowMs).kind !== 'free' ||
      block.asks.some(({ peer }) => peer === candidate.peer) ||
      !isWilling(candidate, addedBytes);
    const isNoHolder = (candidate: Candidate) =>
      isLeftOut(candidate) || !hasCredit(candidate, block, addedBytes);
    // A home that is asked may wait for the origin: another one would fetch it a second time.
    const { random, asksHomes } = this.#policy;
    const mayAskHome = asksHomes && block.asks.every(({ reason }) => reason !== 'home');
    const homes = mayAskHome ? this.#view.homes(block.range).slice(0, 1) : [];
    const candidate =
      chooseHolder(this.#view.holders(block.range), random, addedBytes, isNoHolder) ??
      homes.find((home) => home !== 'self' && !isLeftOut(home) && !home.isFull && !home.isBanned);
    if (candidate === undefined || candidate === 'self') return undefined;
    return { kind: 'ask', candidate, reason: 'hedge' };
  }

  /** It has had its turn: for this block that counts, for others it is left out for a while. */
  pass(block: Block, peer: PeerId, nowMs: number): void {
    this.#standings.pass(peer, nowMs);
    if (block.home?.peer !== peer) return;
    block.home = undefined;
    block.homesPassed += 1;
  }

  #routeHome(
    block: Block,
    nowMs: number,
    addedBytes: ReadonlyMap<PeerId, number>,
  ): Route | undefined {
    const { homePatienceMs, refusedMs } = this.#policy;
    for (const home of this.#view.homes(block.range)) {
      if (home === 'self') {
        if (block.hasOriginFailed) continue;
        return ORIGIN;
      }
      const standing = this.#standings.of(home.peer, nowMs);
      if (home.isBanned || standing.kind === 'lost' || standing.kind === 'passed') continue;
      if (!block.hasOriginFailed && !isWilling(home, addedBytes)) continue;
      if (block.home?.peer !== home.peer) block.home = { peer: home.peer, sinceMs: nowMs };
      if (nowMs >= block.home.sinceMs + homePatienceMs) {
        this.pass(block, home.peer, nowMs);
        continue;
      }
      if (standing.kind === 'busy') return { kind: 'wait', untilMs: standing.untilMs };
      if (home.isFull) return { kind: 'wait', untilMs: nowMs + refusedMs };
      return { kind: 'ask', candidate: home, reason: 'home' };
    }
    return undefined;
  }

  #drawForOrigin(nowMs: number): Route {
    const { random, lotteryStepMs: stepMs, lotteryDeadlineMs: deadlineMs } = this.#policy;
    const { knownPeers } = this.#view;
    this.#lottery ??= new OriginLottery({
      startedAtMs: nowMs,
      knownPeers,
      draw: random(),
      stepMs,
      deadlineMs,
    });
    if (this.#lottery.mayGo(nowMs)) return ORIGIN;
    return { kind: 'wait', untilMs: this.#lottery.turnMs };
  }

  /**
   * Those who hold it and will have time again are waited for. Not for ever: who refuses again and again may
   * have said more than it has.
   */
  #afterOrigin(block: Block, nowMs: number): Route {
    const { range } = block;
    block.originFailedAtMs ??= nowMs;
    if (nowMs >= block.originFailedAtMs + this.#policy.homePatienceMs) return { kind: 'fail' };
    const isThere = this.#view.holders(range).some(({ peer, isBanned }) => {
      const { kind } = this.#standings.of(peer, nowMs);
      return !isBanned && (kind === 'free' || kind === 'busy');
    });
    const untilMs = nowMs + this.#policy.refusedMaxMs;
    return isThere ? { kind: 'wait', untilMs } : { kind: 'fail' };
  }
}

/** Of one that has refused all of late nothing more is asked while it is asked for something. */
function isWilling(
  { peer, willingness, outstandingBytes }: Candidate,
  addedBytes: ReadonlyMap<PeerId, number>,
): boolean {
  if (willingness !== 'doubted') return willingness === 'willing';
  return outstandingBytes + (addedBytes.get(peer) ?? 0) === 0;
}

/** Nothing that it has sent may be right: it is asked for little until some of it is. */
function hasCredit(
  { peer, creditBytes }: Candidate,
  { range }: Block,
  addedBytes: ReadonlyMap<PeerId, number>,
): boolean {
  return (addedBytes.get(peer) ?? 0) + rangeBytes(range) <= creditBytes;
}
