/** Chunks that wait for the end of their layer: bounded, and gone whatever happens. */
import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { DeferredChunks } from '../src/blob/deferred-chunks.ts';
import { FIRST_READS_CHUNKS_MAX } from '../src/limits.ts';

t.setTimeout(200_000);
const directory = temporaryDirectory(t);
process.env['TMPDIR'] = directory;
const READ_BACK = 1000;
const chunkOf = (number: number, rank: number) => ({
  rank,
  locals: [number],
  digest: createHash('sha256').update(`${number}`).digest(),
  size: 1,
});

t.test('as many as their bound, not one for each of millions of tiny files', async (t) => {
  const chunks = new DeferredChunks();
  t.teardown(() => chunks.close());
  let taken = 0;
  for (; !chunks.isFull && taken <= FIRST_READS_CHUNKS_MAX; taken++) {
    chunks.add(chunkOf(taken, FIRST_READS_CHUNKS_MAX - taken), Buffer.from([taken & 0xff]));
    if (taken % 1024 === 1023) await chunks.flush();
  }
  t.equal(taken, FIRST_READS_CHUNKS_MAX);
  await chunks.flush();
  t.same(readdirSync(directory), [], 'the file has no name');
  let next = taken - 1;
  for await (const { chunk, stored } of chunks.inOrder()) {
    if (chunk.locals[0] !== next || stored[0] !== (next & 0xff)) t.fail(`chunk ${next}`);
    if (taken - --next > READ_BACK) break;
  }
  t.equal(next, taken - 1 - READ_BACK, 'by their ranks');
});
