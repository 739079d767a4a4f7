/** What was asked for of a read is given to who waits for it before the rest of the read has come. */
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { FrontBytes } from '../src/cache/front-bytes.ts';
import { READAHEAD_BYTES_MAX } from '../src/limits.ts';
import { openCache, openSample } from './support/cache-fixture.ts';
import { sampleBlob } from './support/sample-blob.ts';
import { hang } from './support/scripted-source.ts';

const CHUNK_BYTES = 64 << 10;
const HALF = CHUNK_BYTES / 2;
const sizes = Array.from({ length: 12 }, () => CHUNK_BYTES);
const sample = sampleBlob({ seed: 5, sizes, compressor: 'none' });
const ASKED = 2;
const NEIGHBOUR = 3;

async function openFronted(t: Test) {
  const fixture = await openCache(t, { readaheadBytesMax: READAHEAD_BYTES_MAX });
  const { blob, source } = await openSample(fixture, sample);
  const isRight = async (chunk: number) => {
    const bytes = await blob.read(chunk * CHUNK_BYTES, CHUNK_BYTES);
    const start = chunk * CHUNK_BYTES;
    return bytes.equals(sample.device.subarray(start, start + CHUNK_BYTES));
  };
  return { fixture, blob, source, isRight };
}

t.test('a reader goes on while what came along is on its way', async (t) => {
  const { blob, source, isRight } = await openFronted(t);
  const rest = Promise.withResolvers<undefined>();
  source.script = ({ offset }, bytes, _signal, tell) => {
    // As several peers do: the end of what is asked for comes first, with some of what follows.
    tell(offset + HALF, bytes.subarray(HALF, 2 * CHUNK_BYTES));
    tell(offset, bytes.subarray(0, HALF));
    return rest.promise;
  };
  const sources: string[] = [];
  await blob.ensure(ASKED * CHUNK_BYTES, 1, { onSource: (name) => sources.push(name) });
  t.same(sources, [source.name], 'though it has not said yet that it was asked');
  t.ok(await isRight(ASKED));
  t.equal(blob.stats().chunksPresent, 1);
  const neighbour = isRight(NEIGHBOUR);
  rest.resolve(undefined);
  t.ok(await neighbour, 'the read has gone on without him');
  const at = NEIGHBOUR * CHUNK_BYTES;
  const reads = source.reads.filter(({ offset, length }) => offset <= at && at < offset + length);
  t.equal(reads.length, 1);
});

t.test('wrong bytes at the front are read again, and nobody is given them', async (t) => {
  const { source, isRight } = await openFronted(t);
  source.script = ({ number, offset }, bytes, _signal, tell) => {
    if (number > 0) return undefined;
    bytes.writeUInt8(bytes.readUInt8(0) ^ 0xff, 0);
    tell(offset, bytes);
    return bytes;
  };
  t.ok(await isRight(ASKED));
  t.match(
    source.reads.map(({ length }) => length),
    [Number, CHUNK_BYTES],
    'what came along was right',
  );
});

t.test('a read that fails after its front came costs only the rest', async (t) => {
  const { blob, source, isRight } = await openFronted(t);
  source.script = ({ number, offset }, bytes, _signal, tell) => {
    if (number > 0) return undefined;
    tell(offset, bytes.subarray(0, CHUNK_BYTES));
    throw new Error('gone');
  };
  t.ok(await isRight(ASKED));
  t.ok(await isRight(NEIGHBOUR));
  const [, second] = source.reads;
  t.equal(second?.offset, NEIGHBOUR * CHUNK_BYTES);
  t.equal(blob.stats().chunksPresent > 1, true);
});

t.test('a closing cache ends the rest of a read', async (t) => {
  const { fixture, source, isRight } = await openFronted(t);
  let isEnded = false;
  source.script = ({ offset }, bytes, signal, tell) => {
    signal?.addEventListener('abort', () => {
      isEnded = true;
    });
    tell(offset, bytes.subarray(0, CHUNK_BYTES));
    return hang(signal);
  };
  t.ok(await isRight(ASKED));
  t.equal(isEnded, false, 'the reader has gone, and it goes on');
  await fixture.cache.close();
  t.ok(isEnded);
});

t.test('front bytes, in any order and more than once', async (t) => {
  const whole = Buffer.from(Array.from({ length: 100 }, (_, at) => at));
  const piece = fc.tuple(fc.nat(99), fc.integer({ min: 1, max: 40 }));
  let complete = 0;
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), fc.nat(20), (pieces, start) => {
      const length = 50;
      const here: Buffer[] = [];
      const front = new FrontBytes(start, length, (bytes) => here.push(bytes));
      const come = new Set<number>();
      for (const [from, bytes] of pieces) {
        front.add(from, whole.subarray(from, from + bytes));
        for (let at = from; at < Math.min(100, from + bytes); at++) come.add(at);
      }
      const isAll = Array.from({ length }, (_, at) => start + at).every((at) => come.has(at));
      complete += isAll ? 1 : 0;
      if (!isAll) return here.length === 0;
      return here.length === 1 && here[0]?.equals(whole.subarray(start, start + length)) === true;
    }),
    { numRuns: 2000, seed: 7 },
  );
  t.ok(complete > 0, `${complete} were complete`);
});
