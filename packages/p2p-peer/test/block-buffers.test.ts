/** Memory of blocks is used again, and never by two at once. */
import t from 'tap';
import { BlockBuffers } from '../src/block-buffers.ts';
import { BLOCK_BYTES_MAX } from '../src/limits.ts';

t.test('what is given back is used again', (t) => {
  const buffers = new BlockBuffers();
  const first = buffers.take(BLOCK_BYTES_MAX);
  t.equal(first.length, BLOCK_BYTES_MAX);
  buffers.give(first);
  t.equal(buffers.kept, 1);
  t.equal(buffers.take(BLOCK_BYTES_MAX - 1).buffer.byteLength, BLOCK_BYTES_MAX - 1);
  t.equal(buffers.kept, 1, 'another length has memory of its own');
  t.equal(buffers.take(BLOCK_BYTES_MAX).buffer, first.buffer);
  t.equal(buffers.kept, 0);
  t.end();
});

t.test('two never have the same memory', (t) => {
  const buffers = new BlockBuffers();
  const [first, second] = [buffers.take(BLOCK_BYTES_MAX), buffers.take(BLOCK_BYTES_MAX)];
  t.not(first.buffer, second.buffer);
  buffers.give(first);
  buffers.give(first);
  buffers.give(first.subarray(10, 20));
  t.equal(buffers.kept, 1, 'given back twice is given back once');
  const [third, fourth] = [buffers.take(BLOCK_BYTES_MAX), buffers.take(BLOCK_BYTES_MAX)];
  t.equal(new Set([second, third, fourth].map(({ buffer }) => buffer)).size, 3);
  t.end();
});

t.test('memory of others is left alone', (t) => {
  const buffers = new BlockBuffers();
  buffers.give(Buffer.alloc(BLOCK_BYTES_MAX));
  buffers.give(Buffer.from('of the pool of Node'));
  buffers.give(buffers.take(16 << 10));
  buffers.give(buffers.take(BLOCK_BYTES_MAX + 1));
  t.equal(buffers.kept, 0);
  t.end();
});

t.test('so many are kept, no more', (t) => {
  const buffers = new BlockBuffers(2);
  const taken = [1, 2, 3].map(() => buffers.take(BLOCK_BYTES_MAX));
  for (const bytes of taken) buffers.give(bytes);
  t.equal(buffers.kept, 2);
  t.end();
});
