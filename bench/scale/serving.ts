/** What a simulated host sends to others: `Uploads` decides what it promises; it goes out in the order of the promises. */
import { PIECE_BYTES, Uploads } from '@shoal/p2p-peer/select';
import type { PieceRead } from './piece-read.ts';
import type { SimHost } from './sim-host.ts';
import type { SimAsk } from './sim-wire.ts';

/** Requests that wait for one block of the origin: as many as are sent on at once when it comes. */
const WAITERS_MAX = 4;

export class Serving {
  readonly #host: SimHost;
  readonly #uploads: Uploads;
  readonly #promised: SimAsk[] = [];
  isSending = false;

  constructor(host: SimHost) {
    this.#host = host;
    this.#uploads = new Uploads({ nowMs: () => host.nowMs });
  }

  asked(ask: SimAsk): void {
    if (ask.isOver) return;
    if (this.#host.traits.isWithholder) {
      this.#host.world.figures.withheld += 1;
      this.#refuse(ask, 'busy');
      return;
    }
    const piece = Math.floor(ask.range.start / PIECE_BYTES);
    if (this.#host.held.has(piece)) this.#admit(ask);
    else if (this.#host.isHomeOf(piece)) this.#join(ask, piece);
    else this.#refuse(ask, 'cannot');
  }

  /** A block has come from the origin: cut-through. */
  serveWaiters(read: PieceRead, block: number): void {
    read.served[block] = true;
    const ready = read.waiters.filter(({ range }) => read.blockOf(range) === block);
    for (const ask of ready) {
      read.waiters.splice(read.waiters.indexOf(ask), 1);
      if (!ask.isOver) this.#admit(ask);
    }
  }

  serveAll(read: PieceRead): void {
    for (const ask of read.waiters.splice(0)) if (!ask.isOver) this.#admit(ask);
  }

  #join(ask: SimAsk, piece: number): void {
    const read = this.#host.reading.forOthers(piece);
    const block = read.blockOf(ask.range);
    if (read.served[block] === true) this.#admit(ask);
    else if (read.waitersOf(block) >= WAITERS_MAX) this.#refuse(ask, 'busy');
    else read.waiters.push(ask);
  }

  #admit(ask: SimAsk): void {
    if (!this.#uploads.accepts(ask)) {
      this.#refuse(ask, 'busy');
      return;
    }
    this.#uploads.promise(ask);
    this.#promised.push(ask);
    this.#send();
  }

  #refuse(ask: SimAsk, reason: 'busy' | 'cannot'): void {
    const { world, wires } = this.#host;
    world.figures.refusals += 1;
    const taker = ask.wire.self;
    world.send(wires.to(taker), () => taker.reading.refused(ask, reason));
  }

  /** One block after the other. */
  #send(): void {
    if (this.isSending || !this.#host.isAlive) return;
    const upload = this.#promised.shift();
    if (upload === undefined) return;
    if (upload.isOver) {
      this.#uploads.dropped(upload);
      this.#send();
      return;
    }
    this.isSending = true;
    const { world, traits, wires } = this.#host;
    const tookMs = upload.bytes / traits.bytesPerMs;
    world.events.after(tookMs, () => {
      this.isSending = false;
      this.#uploads.sent(upload);
      if (!this.#host.isAlive) return;
      const taker = upload.wire.self;
      wires.to(taker).usefulAtMs = this.#host.nowMs;
      world.carry(wires.to(taker), () =>
        taker.receive(upload.bytes, () => taker.reading.received(upload)),
      );
      this.#send();
    });
  }
}
