/** One peer that asks without end does not keep a host's uploads from the others. */
import t from 'tap';
import { BLOCK_BYTES_MAX, PIECE_BYTES } from '../src/limits.ts';
import { type Upload, UploadSlots } from '../src/select/upload-slots.ts';
import { peerOf } from './support/read-world.ts';

const BLOCKS = PIECE_BYTES / BLOCK_BYTES_MAX;
const GREEDY = 1;
const OTHERS = [2, 3, 4];

const upload = (number: number, block: number): Upload => ({
  ...{ peer: peerOf(number), piece: Math.floor(block / BLOCKS), bytes: BLOCK_BYTES_MAX },
  priority: 'demand',
});

/** A host that sends in the order of its promises. */
class Uplink {
  readonly #slots = new UploadSlots();
  readonly #promised: Upload[] = [];

  /** Asks for blocks in turn until one is refused; how many were promised. */
  ask(number: number, blocks: readonly number[], nowMs: number): number {
    for (const [index, block] of blocks.entries()) {
      const wanted = upload(number, block);
      if (!this.#slots.hasRoom(wanted, nowMs)) {
        this.#slots.refused(wanted, nowMs);
        return index;
      }
      this.#slots.admit(wanted, nowMs);
      this.#promised.push(wanted);
    }
    return blocks.length;
  }

  send(nowMs: number): Upload | undefined {
    const next = this.#promised.shift();
    if (next !== undefined) this.#slots.sent(next, nowMs);
    return next;
  }
}

const blocksFrom = (first: number, count = 64) =>
  Array.from({ length: count }, (_, index) => first + index);

t.test('alone a peer has the whole queue, others want their share of it', async (t) => {
  const host = new Uplink();
  t.equal(host.ask(GREEDY, blocksFrom(0), 0), 4 * BLOCKS);
  t.equal(host.ask(2, [0], 0), 0, 'there is no room yet');
  const send = (count: number, nowMs: number) => {
    for (let sent = 0; sent < count; sent++) host.send(nowMs);
  };
  send(BLOCKS, 1);
  t.equal(host.ask(GREEDY, blocksFrom(1000), 1), 0, 'it has more than its half');
  t.equal(host.ask(2, blocksFrom(0, BLOCKS), 10), BLOCKS, 'a piece, and all of it');
  send(2 * BLOCKS, 20);
  t.equal(host.ask(GREEDY, blocksFrom(1000), 20), 2 * BLOCKS, 'nobody is short of anything');
  t.equal(host.ask(3, [0], 30), 0);
  send(BLOCKS, 31);
  t.equal(host.ask(GREEDY, blocksFrom(2000), 40), 0);
  t.equal(host.ask(GREEDY, blocksFrom(2000), 340), BLOCKS, 'he has gone to somebody else');
});

t.test('blocks of many pieces, or one block again and again, are no way round it', async (t) => {
  const host = new Uplink();
  const firsts = Array.from({ length: 4 * BLOCKS }, (_, piece) => piece * BLOCKS);
  t.equal(host.ask(GREEDY, firsts.slice(0, BLOCKS), 0), BLOCKS);
  host.ask(2, blocksFrom(0, BLOCKS), 0);
  host.ask(3, blocksFrom(0, BLOCKS), 0);
  host.ask(4, blocksFrom(0, BLOCKS), 0);
  t.equal(host.ask(5, [0], 0), 0);
  host.send(1);
  t.equal(host.ask(GREEDY, firsts.slice(BLOCKS), 1), 0);
  const again = new Uplink();
  again.ask(GREEDY, [0], 0);
  for (const number of [2, 3, 4, 5]) again.ask(number, blocksFrom(0, BLOCKS), 0);
  t.equal(again.ask(6, [0], 0), 0);
  t.equal(
    again.ask(
      GREEDY,
      Array.from({ length: 64 }, () => 1),
      1,
    ),
    BLOCKS - 1,
  );
});

/** A block leaves each millisecond; blocks that went to each. */
function sendFor(periodMs: number, numbers: readonly number[]): ReadonlyMap<number, number> {
  const host = new Uplink();
  const sent = new Map(numbers.map((number) => [number, 0]));
  const next = new Map(numbers.map((number) => [number, 0]));
  for (let nowMs = 0; nowMs < periodMs; nowMs++) {
    for (const number of numbers) {
      const at = next.get(number) ?? 0;
      // The others read one piece at a time, and ask again only after a while.
      const isTurn =
        number === GREEDY || ((sent.get(number) ?? 0) === at && (nowMs + number) % 20 === 0);
      if (!isTurn) continue;
      const wanted = blocksFrom(at, number === GREEDY ? 64 : BLOCKS);
      next.set(number, at + host.ask(number, wanted, nowMs));
    }
    const leaving = host.send(nowMs);
    if (leaving === undefined) continue;
    const number = numbers.find((each) => peerOf(each) === leaving.peer) ?? 0;
    sent.set(number, (sent.get(number) ?? 0) + 1);
  }
  return sent;
}

t.test('beside one that asks for everything others read as well', async (t) => {
  const sent = sendFor(4000, [GREEDY, ...OTHERS]);
  for (const number of OTHERS) {
    t.ok((sent.get(number) ?? 0) >= 400, `${number} got ${sent.get(number)} of 4000 blocks`);
  }
  const all = [...sent.values()].reduce((sum, count) => sum + count, 0);
  t.equal(all, 4000, 'the link is never idle');
  t.same([...sendFor(1000, [GREEDY]).values()], [1000], 'nor when it is alone');
});
