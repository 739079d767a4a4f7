/** What a read goes on with when its front has been given away: who comes, goes, closes, or finds it damaged. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { until } from '@shoal/test-kit';
import t from 'tap';
import type { CodecJobKind, CodecJobs } from '../src/codec/codec-jobs.ts';
import { FrontBytes } from '../src/fetch/front-bytes.ts';
import { CodecPool, type CodecRunOptions, type Priority, priorityOf } from '../src/index.ts';
import { READAHEAD_BYTES_MAX } from '../src/limits.ts';
import { openCache, openSample } from './support/cache-fixture.ts';
import { sampleBlob } from './support/sample-blob.ts';
import { hang } from './support/scripted-source.ts';

const CHUNK_BYTES = 64 << 10;
const sizes = Array.from({ length: 8 }, () => CHUNK_BYTES);
const sample = sampleBlob({ seed: 6, sizes, compressor: 'none' });
const options = { readaheadBytesMax: READAHEAD_BYTES_MAX };

/** Its jobs end for their callers when they may. */
class HoldingPool extends CodecPool {
  readonly held = Promise.withResolvers<void>();
  jobs = 0;

  override async run<K extends CodecJobKind>(
    kind: K,
    job: CodecJobs[K]['job'],
    call: CodecRunOptions = {},
  ): Promise<CodecJobs[K]['result']> {
    const result = await super.run(kind, job, call);
    this.jobs += 1;
    await this.held.promise;
    return result;
  }
}

t.test('a blob is not closed while a thread writes the front of a read', async (t) => {
  const pool = new HoldingPool({ threads: 1 });
  t.teardown(() => pool.close());
  const { blob, source } = await openSample(await openCache(t, options, { pool }), sample);
  source.script = ({ offset }, bytes, signal, tell) => {
    tell(offset, bytes.subarray(0, CHUNK_BYTES));
    return hang(signal);
  };
  const reading = blob.read(0, 1).catch(() => undefined);
  await until('the thread is at it', () => pool.jobs === 1);
  let isClosed = false;
  const closing = blob.close().then(() => {
    isClosed = true;
  });
  for (let turns = 0; turns < 20; turns++) await turn();
  t.equal(isClosed, false);
  pool.held.resolve();
  await Promise.all([closing, reading]);
  t.ok(isClosed);
});

t.test('a chunk that is found damaged while the rest comes is fetched again', async (t) => {
  const fixture = await openCache(t, options);
  const { blob, source } = await openSample(fixture, sample);
  source.script = ({ number, offset }, bytes, signal, tell) => {
    if (number > 0) return undefined;
    tell(offset, bytes.subarray(0, CHUNK_BYTES));
    return hang(signal);
  };
  await blob.ensure(0, 1);
  await blob.flush();
  const file = openSync(blob.path, 'r+');
  writeSync(file, 'damage', 10);
  closeSync(file);
  const { signal } = new AbortController();
  const found = [];
  for await (const one of fixture.cache.upkeep.verify(signal)) found.push(one);
  t.match(found, [{ chunksDamaged: 1 }]);
  const bytes = await blob.read(0, CHUNK_BYTES);
  t.ok(bytes.equals(sample.device.subarray(0, CHUNK_BYTES)));
});

t.test('what only came along is in no hurry, unless somebody comes for it', async (t) => {
  const { blob, source } = await openSample(await openCache(t, options), sample);
  const rest = Promise.withResolvers<undefined>();
  let priority: () => Priority = () => 'background';
  const read = source.read.bind(source);
  source.read = (key, offset, length, call = {}) => {
    if (source.reads.length === 0) priority = () => priorityOf(call);
    return read(key, offset, length, call);
  };
  source.script = ({ number, offset }, bytes, _signal, tell) => {
    if (number > 0) return undefined;
    tell(offset, bytes.subarray(0, CHUNK_BYTES));
    return rest.promise;
  };
  const first = blob.ensure(0, 1);
  t.equal(priority(), 'demand');
  await first;
  t.equal(priority(), 'prefetch');
  const second = blob.ensure(2 * CHUNK_BYTES, 1);
  await until('he waits', () => priority() === 'demand');
  rest.resolve(undefined);
  await second;
});

t.test('nothing starts for a read that is over', (t) => {
  let starts = 0;
  const front = new FrontBytes(0, 10, () => {
    starts += 1;
  });
  front.add(0, Buffer.alloc(5));
  front.close();
  front.add(5, Buffer.alloc(5));
  t.equal(starts, 0);
  t.ok(front.isFrontOf(Buffer.alloc(10)));
  t.end();
});
