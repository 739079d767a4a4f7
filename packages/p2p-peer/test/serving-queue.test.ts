/** What a wire keeps in memory for one who asks and does not read. */
import { setImmediate as turn } from 'node:timers/promises';
import t from 'tap';
import { BLOCK_BYTES_MAX } from '../src/limits.ts';
import type { BlockGone } from '../src/wire/blob-wire.ts';
import type { PlacedBlock } from '../src/wire/blocks/piece-layout.ts';
import { ServingQueue } from '../src/wire/blocks/serving-queue.ts';
import { READING_BLOCKS_MAX, SOCKET_BYTES_MAX, UNSENT_BYTES_MAX } from '../src/wire/limits.ts';

const blockAt = (number: number, length = BLOCK_BYTES_MAX): PlacedBlock => ({
  index: number,
  offset: 0,
  length,
  start: number << 20,
});

/** A socket that sends when the test says so. */
class StuckLine {
  unsentBytes = 0;
  readonly pieces: number[] = [];
  sendBlock(index: number, _: number, bytes: Uint8Array, onGone?: BlockGone): void {
    this.pieces.push(index);
    this.unsentBytes += bytes.length;
    onGone?.(true);
  }
}

function scene(requestsMax = 512) {
  const line = new StuckLine();
  const served: { readonly block: PlacedBlock; readonly signal: AbortSignal }[] = [];
  const refused: number[] = [];
  const gone: number[] = [];
  const unsent: number[] = [];
  const queue = new ServingQueue({
    requestsMax,
    line,
    serve: async (block, { signal }) => {
      served.push({ block, signal });
      const onGone = (isSent: boolean) => (isSent ? gone : unsent).push(block.index);
      return { bytes: Buffer.alloc(block.length), onGone };
    },
    refuse: ({ index }) => refused.push(index),
    onSlow: () => {},
  });
  const drain = async () => {
    line.unsentBytes = 0;
    queue.pump();
    await turn();
  };
  return { line, served, refused, gone, unsent, queue, drain };
}

t.test('blocks are read while there is room, and go to the socket in small parts', async (t) => {
  const { line, served, queue, drain } = scene();
  for (let number = 0; number < 64; number++) queue.add(blockAt(number), 'demand');
  await turn();
  t.equal(served.length, UNSENT_BYTES_MAX / BLOCK_BYTES_MAX);
  t.equal(line.unsentBytes, SOCKET_BYTES_MAX);
  for (let round = 0; line.pieces.length < 64 && round < 100; round++) {
    await drain();
    const inMemory = (served.length - line.pieces.length) * BLOCK_BYTES_MAX + line.unsentBytes;
    t.ok(inMemory <= UNSENT_BYTES_MAX, `${inMemory} bytes`);
  }
  t.same(
    line.pieces,
    Array.from({ length: 64 }, (_, number) => number),
  );
  queue.close();
});

t.test('a cancelled one is refused, whatever had become of it', async (t) => {
  const { line, served, refused, gone, unsent, queue, drain } = scene();
  for (let number = 0; number < 20; number++) queue.add(blockAt(number), 'demand');
  queue.cancel(blockAt(1));
  t.equal(served[1]?.signal.aborted, true, 'it was being read');
  await turn();
  queue.cancel(blockAt(10));
  queue.cancel(blockAt(19));
  queue.cancel(blockAt(0));
  t.same(refused, [1, 10, 19], 'the first one is with the socket already');
  for (let round = 0; round < 20; round++) await drain();
  const left = Array.from({ length: 20 }, (_, number) => number);
  t.same(
    line.pieces,
    left.filter((number) => !refused.includes(number)),
  );
  t.same(gone, line.pieces, 'each that was sent is let go once');
  t.same(unsent, [1, 10], 'so is each that was read for nobody; the last one was not read');
  for (let number = 20; number < 40; number++) queue.add(blockAt(number), 'demand');
  await turn();
  const before = line.pieces.length;
  queue.close();
  t.same(gone, line.pieces);
  t.equal(line.pieces.length, before);
  t.equal(gone.length + unsent.length, served.length, 'all that was read when it was closed');
});

t.test('reads that nobody waits for any more count until they end', async (t) => {
  const ends: (() => void)[] = [];
  let reading = 0;
  const queue = new ServingQueue({
    requestsMax: 1000,
    line: new StuckLine(),
    serve: async ({ length }) => {
      reading += 1;
      await new Promise<void>((resolve) => ends.push(resolve));
      reading -= 1;
      return { bytes: Buffer.alloc(length) };
    },
    refuse: () => {},
    onSlow: () => {},
  });
  for (let number = 0; number < 500; number++) {
    queue.add(blockAt(number, 1), 'demand');
    queue.cancel(blockAt(number, 1));
  }
  t.equal(reading, READING_BLOCKS_MAX, 'asking and cancelling makes no more work than asking');
  for (const end of ends) end();
  await turn();
  t.equal(reading, 0);
  queue.close();
});

t.test('too many at once', async (t) => {
  const { queue } = scene(3);
  for (const number of [1, 2, 3]) queue.add(blockAt(number, 100), 'demand');
  t.throws(() => queue.add(blockAt(4), 'demand'), { code: 'ERR_P2P_WIRE_LIMIT' });
  await turn();
  queue.add(blockAt(5), 'demand');
  queue.close();
});

t.test('the most urgent is read and sent first, and the oldest now and then', async (t) => {
  const { line, served, queue, drain } = scene();
  for (let number = 0; number < 30; number++) queue.add(blockAt(number), 'background');
  await turn();
  const before = line.pieces.length;
  for (let number = 30; number < 50; number++) queue.add(blockAt(number), 'demand');
  for (let round = 0; line.pieces.length < 50 && round < 100; round++) await drain();
  t.equal(served.length, 50);
  const after = line.pieces.slice(before);
  const urgentOf = (pieces: readonly number[]) => pieces.filter((piece) => piece >= 30).length;
  // What was read before them is in memory: they come in the order that there is room.
  t.ok(urgentOf(after.slice(0, 36)) >= 18, `${after}`);
  t.ok(
    after.slice(0, 30).some((piece) => piece < 30),
    'the others are not forgotten',
  );
  t.same(
    line.pieces.toSorted((a, b) => a - b),
    Array.from({ length: 50 }, (_, n) => n),
  );
  queue.close();
});
