/** What a simulated host reads: `RangeRead` decides, and this carries it out. */
import type { ByteRange } from '@shoal/p2p-peer';
import {
  BLOCK_BYTES_MAX,
  type CancelReason,
  DownloadWindow,
  RangeRead,
  type ReadAction,
  type RefusalReason,
} from '@shoal/p2p-peer/select';
import { VERIFY_MS } from './cluster.ts';
import { OriginBudget } from './origin-budget.ts';
import type { PieceBits } from './piece-bits.ts';
import { PieceRead } from './piece-read.ts';
import type { SimHost } from './sim-host.ts';
import { SimAsk, type SimWire } from './sim-wire.ts';

export class Reading {
  readonly #host: SimHost;
  readonly #reads = new Map<number, PieceRead>();
  readonly #budget: OriginBudget;
  readonly #window = new DownloadWindow();
  #startedAtMs = 0;
  #next = 0;
  #underWay = 0;
  #finished = 0;

  constructor(host: SimHost) {
    this.#host = host;
    this.#budget = new OriginBudget({ bytesPerSecond: 1e9, requestsPerSecond: 1000 });
  }

  get isFinished(): boolean {
    return this.#finished === this.#host.world.cluster.pieces;
  }

  start(): void {
    this.#startedAtMs = this.#host.nowMs;
    this.#startNext();
  }

  /** The read of a piece that others want of this host as its home. */
  forOthers(piece: number): PieceRead {
    return this.#reads.get(piece) ?? this.#begin(piece, true);
  }

  find(piece: number): PieceRead | undefined {
    return this.#reads.get(piece);
  }

  request(ask: SimAsk): void {
    if (!ask.isOver) this.#host.world.send(ask.wire, () => ask.wire.other.serving.asked(ask));
  }

  refused(ask: SimAsk, reason: RefusalReason): void {
    if (ask.isOver) return;
    this.#withdraw(ask);
    const { nowMs, refusals, world } = this.#host;
    const { wire, read, range } = ask;
    refusals.refused(wire.peer, wire.held.has(read.piece), nowMs, world.random());
    this.#do(read, read.read?.refused(wire.peer, range, nowMs, reason));
  }

  /** A block has come in. */
  received(ask: SimAsk): void {
    const { wire, read, range } = ask;
    const { nowMs, world, bans, refusals } = this.#host;
    const block = read.blockOf(range);
    world.figures.peerBytes += ask.bytes;
    this.#window.arrived(ask.bytes, nowMs);
    wire.heardAtMs = nowMs;
    wire.usefulAtMs = nowMs;
    if (read.arrived[block] === true) world.figures.wastedBytes += ask.bytes;
    else {
      read.arrived[block] = true;
      read.sent.set(wire.peer, (read.sent.get(wire.peer) ?? 0) + ask.bytes);
      if (wire.other.traits.isLiar) read.wrong.set(block, wire.other);
    }
    if (!ask.isOver) {
      wire.latency.add(nowMs - ask.askedAtMs);
      bans.answered(wire.peer, nowMs);
      refusals.answered(wire.peer);
      this.#end(ask);
    }
    this.#do(read, read.read?.arrived(wire.peer, range, nowMs));
  }

  holdersChanged(told: PieceBits): void {
    for (const read of [...this.#reads.values()]) {
      if (told.has(read.piece)) this.#do(read, read.read?.holdersChanged(this.#host.nowMs));
    }
  }

  joined({ peer }: SimWire): void {
    for (const read of [...this.#reads.values()]) {
      this.#do(read, read.read?.joined(peer, this.#host.nowMs));
    }
  }

  lost(wire: SimWire): void {
    wire.waiting = [];
    for (const read of [...this.#reads.values()]) {
      for (const ask of read.asks.filter((each) => each.wire === wire)) this.#withdraw(ask);
      this.#do(read, read.read?.lost(wire.peer, this.#host.nowMs));
    }
  }

  #startNext(): void {
    const { pieces, parallelReads } = this.#host.world.cluster;
    while (this.#underWay < parallelReads && this.#next < pieces) {
      const piece = this.#next++;
      this.#underWay += 1;
      if (this.#host.held.has(piece)) this.#finishOne(this.#host.nowMs);
      else {
        const read = this.#reads.get(piece) ?? this.#begin(piece, false);
        read.isWanted = true;
        read.wantedAtMs = this.#host.nowMs;
      }
    }
  }

  #begin(piece: number, isHome: boolean): PieceRead {
    const read = new PieceRead(piece, isHome, this.#host.credits.openRead());
    this.#reads.set(piece, read);
    this.#startRead(read, read.range);
    return read;
  }

  #startRead(read: PieceRead, range: ByteRange): void {
    const { random } = this.#host.world;
    const roomBytes = () => this.#window.roomBytes;
    read.read = new RangeRead(range, this.#host, { random, asksHomes: !read.isHome, roomBytes });
    read.wakeAtMs = Number.POSITIVE_INFINITY;
    this.#do(read, read.read.start(this.#host.nowMs));
  }

  #do(read: PieceRead, actions: readonly ReadAction[] = []): void {
    if (actions.length === 0 && read.read?.isDone !== true) return;
    for (const action of actions) {
      if (action.kind === 'ask') this.#ask(read, action);
      else if (action.kind === 'cancel') this.#cancel(read, action);
      else if (action.kind === 'origin') this.#fetch(read, action.range);
      else if (action.kind === 'wake') this.#wakeAt(read, action.atMs);
      else this.#host.world.figures.failures += 1;
    }
    if (read.read?.isDone !== true) return;
    read.read = undefined;
    this.#host.world.events.after(VERIFY_MS, () => this.#verified(read));
  }

  #ask(read: PieceRead, { peer, range, reason }: ReadAction & { kind: 'ask' }): void {
    const { world, wires, nowMs } = this.#host;
    const wire = wires.known(peer);
    if (wire === undefined) throw new RangeError(`no wire to ${peer}`);
    const ask = new SimAsk(wire, read, range, nowMs);
    read.asks.push(ask);
    wire.outstandingBytes += ask.bytes;
    read.credit.asked(peer, ask.bytes);
    this.#window.asked(ask.bytes);
    world.figures.asks += 1;
    if (reason === 'hedge') world.figures.hedges += 1;
    if (wire.state === 'open') this.request(ask);
    else {
      wire.waiting.push(ask);
      wires.dial(wire, false);
    }
  }

  #cancel(read: PieceRead, { peer, range, reason }: ReadAction & { kind: 'cancel' }): void {
    const ask = read.asks.find((each) => {
      return each.wire.peer === peer && each.range.start === range.start;
    });
    if (ask === undefined) return;
    this.#withdraw(ask);
    this.#host.world.figures.messages += 1;
    this.#giveUp(ask.wire, reason);
  }

  #giveUp(wire: SimWire, reason: CancelReason): void {
    const { bans, nowMs, world } = this.#host;
    if (reason !== 'silent' && reason !== 'late') return;
    if (reason === 'silent') world.figures.silent += 1;
    else world.figures.late += 1;
    bans.slow(wire.peer, nowMs, reason);
    // Not within the read that gave it up.
    if (reason === 'silent') world.events.after(0, () => this.#host.wires.close(wire));
  }

  /** It does not come, or is not wanted. */
  #withdraw(ask: SimAsk): void {
    ask.read.credit.unanswered(ask.wire.peer, ask.bytes);
    this.#end(ask);
  }

  #end(ask: SimAsk): void {
    ask.isOver = true;
    this.#window.ended(ask.bytes);
    ask.wire.outstandingBytes = Math.max(0, ask.wire.outstandingBytes - ask.bytes);
    const index = ask.read.asks.indexOf(ask);
    if (index !== -1) ask.read.asks.splice(index, 1);
  }

  #fetch(read: PieceRead, range: ByteRange): void {
    const { world, nowMs, facts } = this.#host;
    if (!this.#host.isAlive) return;
    const waitMs = this.#budget.take(range.end - range.start, nowMs);
    if (waitMs > 0) {
      world.events.after(waitMs, () => this.#fetch(read, range));
      return;
    }
    let isCounted = false;
    world.origin.fetch(range, (answer) => {
      if (!this.#host.isAlive) return;
      if (answer.kind === 'retry after') {
        this.#budget.pauseUntil(answer.atMs);
        world.events.at(answer.atMs, () => this.#fetch(read, range));
        return;
      }
      if (!isCounted) world.figures.addOriginBytes(facts.zone, range.end - range.start);
      isCounted = true;
      const bytes = answer.range.end - answer.range.start;
      this.#window.arrived(bytes, world.events.nowMs);
      this.#host.receive(bytes, () => this.#fetched(read, answer.range));
    });
  }

  #fetched(read: PieceRead, range: ByteRange): void {
    const block = read.blockOf(range);
    read.arrived[block] = true;
    read.wrong.delete(block);
    this.#host.serving.serveWaiters(read, block);
    this.#do(read, read.read?.arrived('origin', range, this.#host.nowMs));
  }

  #wakeAt(read: PieceRead, atMs: number): void {
    read.wakeAtMs = Math.min(read.wakeAtMs, atMs);
    const { events } = this.#host.world;
    const machine = read.read;
    events.at(atMs, () => {
      if (read.read !== machine || read.wakeAtMs !== atMs || !this.#host.isAlive) return;
      read.wakeAtMs = Number.POSITIVE_INFINITY;
      this.#do(read, machine?.tick(events.nowMs));
    });
  }

  #verified(read: PieceRead): void {
    const { world, nowMs, bans } = this.#host;
    if (!this.#host.isAlive) return;
    if (read.wrong.size > 0) {
      world.figures.wrongBlocks += read.wrong.size;
      for (const liar of read.wrong.values()) bans.liar(liar.peer, nowMs);
      read.sent.clear();
      const range = read.wrongRange;
      for (let at = range.start; at < range.end; at += BLOCK_BYTES_MAX) {
        read.arrived[read.blockOf({ start: at, end: at })] = false;
      }
      read.wrong.clear();
      this.#startRead(read, range);
      return;
    }
    for (const [peer, bytes] of read.sent) read.credit.right(peer, bytes);
    read.credit.close();
    this.#reads.delete(read.piece);
    this.#host.hold(read.piece);
    this.#host.serving.serveAll(read);
    if (read.isWanted) this.#finishOne(read.wantedAtMs);
  }

  #finishOne(wantedAtMs: number): void {
    const { world, nowMs } = this.#host;
    const { figures } = world;
    if (this.#finished === 0) figures.firstReadMs.push(nowMs - this.#startedAtMs);
    figures.readMs.push(nowMs - wantedAtMs);
    this.#underWay -= 1;
    this.#finished += 1;
    if (this.isFinished) {
      figures.hostMs.push(nowMs - this.#startedAtMs);
      figures.doneAtMs.push(nowMs);
      world.unfinished -= 1;
    } else this.#startNext();
  }
}
