/**
 * Fills a cache until it is killed: makes chunks present in a scattered order, a line for each
 * round that is durable. Arguments: directory, seed of the blob, number of chunks.
 */
import { ChunkCache, CodecPool } from '../../src/index.ts';
import { sampleBlob } from './sample-blob.ts';
import { ScriptedSource } from './scripted-source.ts';

const [directory = '', seed = '1', count = '1'] = process.argv.slice(2);
const sizes = Array.from({ length: Number(count) }, (_, at) => 1000 + ((at * 977) % 9000));
const sample = sampleBlob({ seed: Number(seed), sizes });
const pool = new CodecPool({ threads: 1 });
const cache = await ChunkCache.open({ directory, durableDelayMs: 1 }, { pool });
const blob = await cache.openBlob(sample.description, new ScriptedSource([sample]));
for (let round = 0; ; round++) {
  for (let step = 0; step < 10; step++) {
    const chunk = ((round * 10 + step) * 37) % sizes.length;
    await blob.ensure(sample.description.chunks.offset[chunk] ?? 0, 1);
  }
  if (round % 2 === 0) await blob.flush();
  process.stdout.write(`${blob.stats().bytesDurable}\n`);
}
