/**
 * A small world around one `RangeRead`: peers that hold things, homes, an origin, a clock. It keeps
 * the book of what is asked of whom and complains when a rule is broken.
 */
import { parsePeerId } from '../../src/identity/peer-id.ts';
import type { ByteRange, PeerId } from '../../src/index.ts';
import { PIECE_BYTES } from '../../src/limits.ts';
import { RangeSet } from '../../src/ranges/range-set.ts';
import type { Candidate } from '../../src/select/candidate.ts';
import { RangeRead } from '../../src/select/range-read.ts';
import type { ReadAction, SwarmView } from '../../src/select/read-action.ts';
import type { ReadPolicy } from '../../src/select/read-policy.ts';
import { Refusals } from '../../src/select/refusals.ts';

export type Asked = { readonly peer: PeerId; readonly range: ByteRange; readonly isHedge: boolean };

export const peerOf = (number: number): PeerId =>
  parsePeerId(number.toString(16).padStart(40, '0'));

export class ReadWorld implements SwarmView {
  nowMs: number;
  knownPeers = 10;
  /** Peers whose bytes still come; others are silent. */
  readonly speaking = new Set<PeerId>();
  /** How long they were silent of late, and lived. */
  readonly pauses = new Map<PeerId, number>();
  readonly held = new Map<PeerId, RangeSet>();
  homeOrder: readonly (PeerId | 'self')[] = [];
  readonly lost = new Set<PeerId>();
  readonly banned = new Set<PeerId>();
  /** What may be asked of them besides. */
  readonly credits = new Map<PeerId, number>();
  /** Of those that are waited for longer than others. */
  readonly patience = new Map<PeerId, number>();
  readonly refusals: Refusals;
  readonly asked: Asked[] = [];
  readonly atOrigin: ByteRange[] = [];
  readonly failed = new RangeSet();
  readonly cancelled: string[] = [];
  readonly wrong: string[] = [];
  readonly read: RangeRead;
  hedges = 0;
  wakeAtMs: number | undefined;
  readonly #hedged = new Set<number>();

  /** `before`: what reads before this one have left. */
  constructor(
    range: ByteRange,
    policy: Partial<ReadPolicy>,
    before: { readonly refusals: Refusals; readonly nowMs: number } = {
      refusals: new Refusals(),
      nowMs: 0,
    },
  ) {
    this.refusals = before.refusals;
    this.nowMs = before.nowMs;
    this.read = new RangeRead(range, this, policy);
  }

  holders(range: ByteRange): readonly Candidate[] {
    return [...this.held]
      .filter(([peer, set]) => !this.lost.has(peer) && set.covers(range))
      .map(([peer]) => this.#candidate(peer));
  }

  homes(): readonly (Candidate | 'self')[] {
    return this.homeOrder.map((home) => (home === 'self' ? 'self' : this.#candidate(home, true)));
  }

  heardAtMs(peer: PeerId): number {
    return this.speaking.has(peer) ? this.nowMs : Number.NEGATIVE_INFINITY;
  }

  pauseMs(peer: PeerId): number {
    return this.pauses.get(peer) ?? 0;
  }

  hold(peer: PeerId, range: ByteRange): void {
    const set = this.held.get(peer) ?? new RangeSet();
    set.add(range);
    this.held.set(peer, set);
  }

  do(actions: readonly ReadAction[]): void {
    for (const action of actions) this.#do(action);
    if (!this.read.isDone && this.isIdle) this.wrong.push('nothing under way, and no wake');
    if (this.read.isDone && this.asked.length > 0) this.wrong.push('done, and asks are left open');
  }

  get isIdle(): boolean {
    return this.asked.length + this.atOrigin.length === 0 && this.wakeAtMs === undefined;
  }

  answer(index: number): void {
    const [asked] = this.asked.splice(index % this.asked.length, 1);
    if (asked !== undefined) this.do(this.read.arrived(asked.peer, asked.range, this.nowMs));
  }

  refuse(index: number, reason: 'busy' | 'cannot'): void {
    const [asked] = this.asked.splice(index % this.asked.length, 1);
    if (asked !== undefined)
      this.do(this.read.refused(asked.peer, asked.range, this.nowMs, reason));
  }

  lose(peer: PeerId): void {
    this.lost.add(peer);
    for (const ask of this.asked.filter((asked) => asked.peer === peer)) {
      this.asked.splice(this.asked.indexOf(ask), 1);
    }
    this.do(this.read.lost(peer, this.nowMs));
  }

  join(peer: PeerId): void {
    this.lost.delete(peer);
    this.do(this.read.joined(peer, this.nowMs));
  }

  originAnswers(index: number, share: number): void {
    const range = this.atOrigin[index % this.atOrigin.length];
    if (range === undefined) return;
    const end = Math.min(range.end, range.start + Math.ceil((range.end - range.start) * share));
    if (end === range.end) this.atOrigin.splice(this.atOrigin.indexOf(range), 1);
    else this.atOrigin[this.atOrigin.indexOf(range)] = { start: end, end: range.end };
    this.do(this.read.arrived('origin', { start: range.start, end }, this.nowMs));
  }

  originFails(index: number): void {
    const [range] = this.atOrigin.splice(index % this.atOrigin.length, 1);
    if (range !== undefined) this.do(this.read.originFailed(range, this.nowMs));
  }

  /** Time passes, through every wake on the way. */
  pass(periodMs: number): void {
    const endMs = this.nowMs + periodMs;
    while (this.wakeAtMs !== undefined && this.wakeAtMs <= endMs) {
      this.nowMs = Math.max(this.nowMs, this.wakeAtMs);
      this.wakeAtMs = undefined;
      this.do(this.read.tick(this.nowMs));
    }
    this.nowMs = endMs;
  }

  #do(action: ReadAction): void {
    switch (action.kind) {
      case 'ask':
        this.#ask(action);
        break;
      case 'cancel':
        this.#cancel(action);
        break;
      case 'origin':
        if (this.atOrigin.some((range) => overlaps(range, action.range))) {
          this.wrong.push('the origin is asked twice at once');
        }
        this.atOrigin.push(action.range);
        break;
      case 'wake':
        this.wakeAtMs = Math.min(action.atMs, this.wakeAtMs ?? action.atMs);
        break;
      case 'fail':
        this.failed.add(action.range);
        break;
    }
  }

  #ask({ peer, range, reason }: ReadAction & { kind: 'ask' }): void {
    const { start, end } = range;
    const piece = Math.floor(start / PIECE_BYTES);
    if (end - start > 128 << 10 || end > (piece + 1) * PIECE_BYTES) this.wrong.push('no block');
    if (this.lost.has(peer)) this.wrong.push('a lost peer is asked');
    if (this.banned.has(peer)) this.wrong.push('a banned peer is asked');
    const same = this.asked.filter((asked) => overlaps(asked.range, range));
    if (same.some((asked) => asked.peer === peer)) this.wrong.push('a peer is asked twice at once');
    if (same.length > 0 !== (reason === 'hedge'))
      this.wrong.push(`${reason} beside ${same.length}`);
    if (reason === 'hedge') {
      this.hedges += 1;
      if (this.#hedged.has(start)) this.wrong.push('a second hedge');
      this.#hedged.add(start);
    }
    this.asked.push({ peer, range, isHedge: reason === 'hedge' });
  }

  #cancel({ peer, range, reason }: ReadAction & { kind: 'cancel' }): void {
    this.cancelled.push(reason);
    if (this.lost.has(peer)) this.wrong.push('something is cancelled at a lost peer');
    const index = this.asked.findIndex(
      (asked) => asked.peer === peer && asked.range.start === range.start,
    );
    if (index === -1) this.wrong.push('something is cancelled that was not asked');
    else this.asked.splice(index, 1);
  }

  #candidate(peer: PeerId, isHome = false): Candidate {
    const bytes = this.asked.filter((asked) => asked.peer === peer).length << 17;
    const patienceMs = this.patience.get(peer);
    return {
      ...(patienceMs === undefined ? {} : { patienceMs }),
      peer,
      distance: 'zone',
      outstandingBytes: bytes,
      latencyMs: 1,
      p95Ms: 20,
      isFull: bytes >= 8 << 20,
      isBanned: this.banned.has(peer),
      creditBytes: this.credits.get(peer) ?? Number.POSITIVE_INFINITY,
      willingness: this.refusals.of(peer, this.nowMs, isHome),
    };
  }
}

function overlaps(one: ByteRange, other: ByteRange): boolean {
  return one.start < other.end && other.start < one.end;
}
