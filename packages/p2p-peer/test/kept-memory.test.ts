/** Memory of blocks is used again, and never by two at once. */
import t from 'tap';
import { KeptMemory, sizeOfBlock, sizeOfRead } from '../src/kept-memory.ts';
import { BLOCK_BYTES_MAX } from '../src/limits.ts';

const MIB = 1 << 20;

function blocks(keptMax = 32): KeptMemory {
  return new KeptMemory({ sizeOf: sizeOfBlock, keptBytesMax: keptMax * BLOCK_BYTES_MAX });
}

t.test('what is given back is used again', (t) => {
  const buffers = blocks();
  const first = buffers.take(BLOCK_BYTES_MAX);
  t.equal(first.length, BLOCK_BYTES_MAX);
  buffers.give(first);
  t.equal(buffers.keptBytes, BLOCK_BYTES_MAX);
  t.equal(buffers.take(BLOCK_BYTES_MAX - 1).buffer.byteLength, BLOCK_BYTES_MAX - 1);
  t.equal(buffers.keptBytes, BLOCK_BYTES_MAX, 'another length has memory of its own');
  t.equal(buffers.take(BLOCK_BYTES_MAX).buffer, first.buffer);
  t.equal(buffers.keptBytes, 0);
  t.end();
});

t.test('two never have the same memory', (t) => {
  const buffers = blocks();
  const [first, second] = [buffers.take(BLOCK_BYTES_MAX), buffers.take(BLOCK_BYTES_MAX)];
  t.not(first.buffer, second.buffer);
  buffers.give(first);
  buffers.give(first);
  buffers.give(first.subarray(10, 20));
  t.equal(buffers.keptBytes, BLOCK_BYTES_MAX, 'given back twice is given back once');
  const [third, fourth] = [buffers.take(BLOCK_BYTES_MAX), buffers.take(BLOCK_BYTES_MAX)];
  t.equal(new Set([second, third, fourth].map(({ buffer }) => buffer)).size, 3);
  t.end();
});

t.test('what was given back is not given back for whoever has the memory now', (t) => {
  const buffers = blocks();
  const first = buffers.take(BLOCK_BYTES_MAX);
  const part = first.subarray(10);
  buffers.give(part);
  const second = buffers.take(BLOCK_BYTES_MAX);
  t.equal(second.buffer, first.buffer);
  for (const stale of [first, part]) buffers.give(stale);
  t.equal(buffers.keptBytes, 0, 'the second one still has it');
  t.not(buffers.take(BLOCK_BYTES_MAX).buffer, second.buffer);
  buffers.give(second);
  t.equal(buffers.keptBytes, BLOCK_BYTES_MAX);
  t.end();
});

t.test('memory of others is left alone', (t) => {
  const buffers = blocks();
  buffers.give(Buffer.alloc(BLOCK_BYTES_MAX));
  buffers.give(Buffer.from('of the pool of Node'));
  buffers.give(buffers.take(16 << 10));
  buffers.give(buffers.take(BLOCK_BYTES_MAX + 1));
  t.equal(buffers.keptBytes, 0);
  t.end();
});

t.test('so many are kept, no more', (t) => {
  const buffers = blocks(2);
  const taken = [1, 2, 3].map(() => buffers.take(BLOCK_BYTES_MAX));
  for (const bytes of taken) buffers.give(bytes);
  t.equal(buffers.keptBytes, 2 * BLOCK_BYTES_MAX);
  t.end();
});

t.test('memory of reads is used again by others of about the same length', (t) => {
  const buffers = new KeptMemory({ sizeOf: sizeOfRead, keptBytesMax: 3 * MIB });
  const first = buffers.take(700 << 10);
  t.equal(first.length, 700 << 10);
  t.equal(first.buffer.byteLength, MIB);
  buffers.give(first.subarray(10));
  t.equal(buffers.keptBytes, MIB);
  t.equal(buffers.take(MIB).buffer, first.buffer);
  t.equal(buffers.keptBytes, 0);
  const taken = [MIB, 2 * MIB, MIB].map((length) => buffers.take(length));
  for (const bytes of taken) buffers.give(bytes);
  t.equal(buffers.keptBytes, 3 * MIB, 'so many bytes, no more');
  for (const length of [1000, 4 * MIB + 1]) {
    t.equal(buffers.take(length).buffer.byteLength, length, `${length} has memory of its own`);
  }
  t.end();
});

t.test('what nobody asks for any more makes room for what is asked for now', (t) => {
  const buffers = new KeptMemory({ sizeOf: sizeOfRead, keptBytesMax: 4 * MIB });
  const large = [2, 2].map((mib) => buffers.take(mib * MIB));
  for (const bytes of large) buffers.give(bytes);
  t.equal(buffers.keptBytes, 4 * MIB);
  const small = buffers.take(MIB);
  t.equal(small.buffer.byteLength, MIB);
  buffers.give(small);
  t.equal(buffers.keptBytes, 3 * MIB, 'one of the large ones has gone');
  t.equal(buffers.take(MIB).buffer, small.buffer);
  t.equal(buffers.take(2 * MIB).buffer, large[1]?.buffer, 'the one that was given back first');
  t.end();
});

t.test("what was moved to a thread is that thread's", (t) => {
  const buffers = blocks();
  const bytes = buffers.take(BLOCK_BYTES_MAX);
  const { buffer } = bytes;
  t.ok(buffer instanceof ArrayBuffer);
  if (buffer instanceof ArrayBuffer) structuredClone(buffer, { transfer: [buffer] });
  buffers.give(bytes);
  t.equal(buffers.keptBytes, 0);
  t.equal(buffers.take(BLOCK_BYTES_MAX).length, BLOCK_BYTES_MAX);
  t.end();
});
