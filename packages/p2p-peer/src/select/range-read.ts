/**
 * The read of one range, as a machine without clock or wires: events in, actions out. Several blocks
 * are under way at a time, each asked of the best peer for it; the first answer wins. A demand read
 * asks a second peer when the first is late.
 */
import type { PeerId } from '../identity/peer-id.ts';
import { type ByteRange, checkByteRange, rangeBytes } from '../ranges/byte-range.ts';
import { AskClock } from './ask-clock.ts';
import { BlockRouter, type Route } from './block-router.ts';

import { type Block, type BlockState, mergeRanges } from './block-state.ts';
import { BlockTable } from './block-table.ts';
import type { Candidate } from './candidate.ts';
import { PeerStandings } from './peer-standing.ts';
import type { AskReason, CancelReason, ReadAction, SwarmView } from './read-action.ts';
import { READ_POLICY, type ReadPolicy } from './read-policy.ts';

/** `busy`: later it would. `cannot`: it neither has it nor can get it. */
export type RefusalReason = 'busy' | 'cannot';

const NEVER = Number.POSITIVE_INFINITY;

export class RangeRead {
  readonly range: ByteRange;
  readonly #policy: ReadPolicy;
  readonly #blocks: BlockTable;
  readonly #standings = new PeerStandings();
  readonly #router: BlockRouter;
  readonly #clock: AskClock;
  #wakeAtMs = NEVER;
  /** No block is due before; one that was may be settled. */
  #soonestMs = NEVER;
  /** Of the event that is being handled. */
  #actions: ReadAction[] = [];
  #forOrigin: ByteRange[] = [];
  readonly #addedBytes = new Map<PeerId, number>();

  /** Throws `ERR_P2P_BYTE_RANGE`. */
  constructor(range: ByteRange, view: SwarmView, policy: Partial<ReadPolicy> = {}) {
    checkByteRange(range);
    this.range = range;
    this.#policy = { ...READ_POLICY, ...policy };
    this.#router = new BlockRouter(view, this.#policy, this.#standings);
    this.#clock = new AskClock(view, this.#policy);
    this.#blocks = new BlockTable(range, this.#policy);
  }

  /** Everything has arrived or has failed, or nobody wants it: no action follows. */
  get isDone(): boolean {
    return this.#blocks.isSettled;
  }

  start(nowMs: number): ReadAction[] {
    return this.#handle(nowMs, () => undefined);
  }

  /** Bytes are here, asked for or not: part of a block or many of them. */
  arrived(from: PeerId | 'origin', range: ByteRange, nowMs: number): ReadAction[] {
    return this.#handle(nowMs, () => {
      if (from !== 'origin') this.#standings.answer(from);
      for (const block of this.#blocks.within(range)) {
        if (!block.isCompleteWith(range)) continue;
        for (const { peer } of block.asks) if (peer !== from) this.#cancel(block, peer, 'answered');
        this.#enter(block, { kind: 'done' });
      }
    });
  }

  refused(
    peer: PeerId,
    range: ByteRange,
    nowMs: number,
    reason: RefusalReason = 'busy',
  ): ReadAction[] {
    return this.#handle(nowMs, () => {
      for (const block of this.#blocks.within(range)) {
        if (!block.asks.some((ask) => ask.peer === peer)) continue;
        if (reason === 'cannot') this.#router.pass(block, peer, nowMs);
        else this.#refuse(peer, nowMs, this.#policy.refusedMs);
        this.#withdraw(block, peer, nowMs);
      }
    });
  }

  /** Its wire has closed: nothing more is asked of it, nor cancelled, until it has `joined`. */
  lost(peer: PeerId, nowMs: number): ReadAction[] {
    return this.#handle(nowMs, () => {
      this.#standings.lose(peer);
      for (const block of this.#blocks.open()) {
        if (block.asks.some((ask) => ask.peer === peer)) this.#withdraw(block, peer, nowMs);
        else if (block.state.kind === 'waiting') this.#route(block, nowMs);
      }
    });
  }

  /** It has lied, here or elsewhere: nothing that it was asked for is waited for. */
  dismissed(peer: PeerId, nowMs: number): ReadAction[] {
    return this.#handle(nowMs, () => {
      for (const block of this.#blocks.open()) {
        if (!block.asks.some((ask) => ask.peer === peer)) continue;
        this.#cancel(block, peer, 'unwanted');
        this.#withdraw(block, peer, nowMs);
      }
    });
  }

  joined(peer: PeerId, nowMs: number): ReadAction[] {
    this.#standings.join(peer);
    return this.holdersChanged(nowMs);
  }

  /** Somebody has said that it holds more, or the homes are others: what waits is tried again. */
  holdersChanged(nowMs: number, range: ByteRange = this.range): ReadAction[] {
    return this.#handle(nowMs, () => {
      for (const block of this.#blocks.open()) {
        const isInside = block.range.start < range.end && block.range.end > range.start;
        if (!isInside) continue;
        if (block.state.kind === 'waiting') this.#route(block, nowMs);
        else this.#leaveHome(block, nowMs);
      }
    });
  }

  /** The origin does not answer for it, whatever was tried: somebody else must, or it fails. */
  originFailed(range: ByteRange, nowMs: number): ReadAction[] {
    return this.#handle(nowMs, () => {
      for (const block of this.#blocks.within(range)) {
        if (block.state.kind !== 'origin') continue;
        block.hasOriginFailed = true;
        this.#route(block, nowMs);
      }
    });
  }

  /** At a `wake`, or at any other time. */
  tick(nowMs: number): ReadAction[] {
    this.#wakeAtMs = NEVER;
    return this.#handle(nowMs, () => {
      this.#soonestMs = NEVER;
      for (const block of this.#blocks.open()) {
        this.#tickBlock(block, nowMs);
        this.#soonestMs = Math.min(this.#soonestMs, this.#clock.dueMs(block.state, nowMs));
      }
    });
  }

  /** Nobody wants it any more: what is asked is cancelled; a read of the origin is its caller's. */
  stop(): ReadAction[] {
    return this.#handle(0, () => {
      for (const block of this.#blocks.unsettled()) {
        for (const { peer } of block.asks) this.#cancel(block, peer, 'unwanted');
        this.#enter(block, { kind: 'done' });
      }
    });
  }

  #handle(nowMs: number, work: () => void): ReadAction[] {
    if (this.isDone) return [];
    this.#actions = [];
    this.#forOrigin = [];
    this.#addedBytes.clear();
    work();
    this.#openMore(nowMs);
    for (const range of mergeRanges(this.#forOrigin)) this.#actions.push({ kind: 'origin', range });
    this.#askForWake();
    return this.#actions;
  }

  #openMore(nowMs: number): void {
    const { windowBytes, roomBytes } = this.#policy;
    let leftBytes = roomBytes();
    while (this.#blocks.openBytes < windowBytes) {
      if (leftBytes <= 0 && this.#blocks.openBytes > 0) return;
      const block = this.#blocks.takeNew();
      if (block === undefined) return;
      this.#route(block, nowMs);
      leftBytes -= rangeBytes(block.range);
    }
  }

  #route(block: Block, nowMs: number): void {
    this.#follow(block, this.#router.route(block, nowMs, this.#addedBytes), nowMs);
  }

  #follow(block: Block, route: Route, nowMs: number): void {
    switch (route.kind) {
      case 'ask':
        this.#ask(block, route.candidate, route.reason, nowMs);
        break;
      case 'wait':
        this.#enter(block, { kind: 'waiting', untilMs: route.untilMs });
        break;
      case 'origin':
        this.#forOrigin.push(block.range);
        this.#enter(block, { kind: 'origin' });
        break;
      case 'fail':
        this.#actions.push({ kind: 'fail', range: block.range });
        this.#enter(block, { kind: 'failed' });
        break;
    }
  }

  #ask(block: Block, candidate: Candidate, reason: AskReason, nowMs: number): void {
    const { peer } = candidate;
    const ask = this.#clock.ask(block, candidate, reason, nowMs);
    if (reason === 'hedge') block.wasHedged = true;
    const hedgeAtMs = this.#clock.hedgeAtMs(block, candidate, reason, nowMs);
    this.#enter(block, { kind: 'asked', asks: [...block.asks, ask], hedgeAtMs }, nowMs);
    this.#addedBytes.set(peer, (this.#addedBytes.get(peer) ?? 0) + rangeBytes(block.range));
    this.#actions.push({ kind: 'ask', peer, range: block.range, reason });
  }

  #tickBlock(block: Block, nowMs: number): void {
    if (block.state.kind === 'waiting' && nowMs >= block.state.untilMs) this.#route(block, nowMs);
    for (const ask of block.asks) {
      const verdict = this.#clock.verdict(ask, nowMs);
      if (verdict === 'in time') continue;
      const isPassed = verdict === 'silent' || ask.reason === 'home';
      // A home that has not answered in all that time is as good as gone.
      this.#cancel(block, ask.peer, isPassed ? 'silent' : 'late');
      // A holder that lives is slow, which says nothing about it as a home.
      if (isPassed) this.#router.pass(block, ask.peer, nowMs);
      else this.#refuse(ask.peer, nowMs, this.#policy.refusedMaxMs);
      this.#withdraw(block, ask.peer, nowMs);
    }
    if (block.state.kind === 'asked' && nowMs >= block.state.hedgeAtMs) this.#hedge(block, nowMs);
  }

  #hedge(block: Block, nowMs: number): void {
    const route = this.#clock.isHedgeOfUse
      ? this.#router.hedge(block, nowMs, this.#addedBytes)
      : undefined;
    if (route !== undefined) this.#follow(block, route, nowMs);
    else if (block.state.kind === 'asked') {
      const hedgeAtMs = nowMs + this.#policy.hedgeMaxMs;
      this.#enter(block, { ...block.state, hedgeAtMs }, nowMs);
    }
  }

  /** A home that is dialled still, or has others to serve first, is left for a holder that is free. */
  #leaveHome(block: Block, nowMs: number): void {
    const [ask, second] = block.asks;
    if (ask?.reason !== 'home' || second !== undefined) return;
    if (nowMs < ask.askedAtMs + this.#policy.hedgeMinMs) return;
    const holder = this.#router.holder(block, nowMs, this.#addedBytes);
    if (holder === undefined || holder.peer === ask.peer) return;
    this.#cancel(block, ask.peer, 'unwanted');
    this.#enter(block, { kind: 'waiting', untilMs: nowMs }, nowMs);
    this.#ask(block, holder, 'holder', nowMs);
  }

  #refuse(peer: PeerId, nowMs: number, firstMs: number): void {
    const { refusedMaxMs, random } = this.#policy;
    this.#standings.refuse(peer, nowMs, firstMs, refusedMaxMs, random());
  }

  /** It is asked no more; somebody else is, unless somebody else is already. */
  #withdraw(block: Block, peer: PeerId, nowMs: number): void {
    if (block.state.kind !== 'asked') return;
    const asks = block.state.asks.filter((ask) => ask.peer !== peer);
    if (asks.length > 0) {
      this.#enter(block, { ...block.state, asks }, nowMs);
      return;
    }
    this.#enter(block, { kind: 'waiting', untilMs: nowMs }, nowMs);
    this.#route(block, nowMs);
  }

  #cancel(block: Block, peer: PeerId, reason: CancelReason): void {
    this.#actions.push({ kind: 'cancel', peer, range: block.range, reason });
  }

  #enter(block: Block, state: BlockState, nowMs = 0): void {
    this.#blocks.enter(block, state);
    this.#soonestMs = Math.min(this.#soonestMs, this.#clock.dueMs(state, nowMs));
  }

  /** Only when it is sooner than the one that was asked for last. */
  #askForWake(): void {
    if (this.#soonestMs >= this.#wakeAtMs || this.isDone) return;
    this.#wakeAtMs = this.#soonestMs;
    this.#actions.push({ kind: 'wake', atMs: this.#wakeAtMs });
  }
}
