/** What comes with a read in one request, unasked, does neither fail nor delay that read. */
import t, { type Test } from 'tap';
import { READAHEAD_BYTES_MAX, READAHEAD_FIRST_BYTES } from '../src/limits.ts';
import { openCache, openSample } from './support/cache-fixture.ts';
import { sampleBlob } from './support/sample-blob.ts';
import { hang, type ScriptedRead } from './support/scripted-source.ts';

const CHUNK_BYTES = 64 << 10;
const sizes = Array.from({ length: 20 }, () => CHUNK_BYTES);
const sample = sampleBlob({ seed: 4, sizes, compressor: 'none' });
const ASKED = 3;
const NEIGHBOUR = 5;

/** Opens the blob; the chunk comes damaged as often as told. */
async function openDamaged(t: Test, chunk: number, times: number) {
  const fixture = await openCache(t, { readaheadBytesMax: READAHEAD_BYTES_MAX });
  const { blob, source } = await openSample(fixture, sample);
  const at = chunk * CHUNK_BYTES;
  let left = times;
  const damage = ({ offset, length }: ScriptedRead, bytes: Buffer): Buffer | undefined => {
    if (at < offset || at >= offset + length || left-- <= 0) return undefined;
    bytes.writeUInt8((bytes[at - offset] ?? 0) ^ 0xff, at - offset);
    return bytes;
  };
  source.script = damage;
  const isRight = async (index: number) => {
    const bytes = await blob.read(index * CHUNK_BYTES, CHUNK_BYTES);
    const start = index * CHUNK_BYTES;
    return bytes.equals(sample.device.subarray(start, start + CHUNK_BYTES));
  };
  return { blob, source, isRight, damage };
}

t.test('a reader waits for no second attempt at what he did not ask for', async (t) => {
  const { blob, source, isRight, damage } = await openDamaged(t, NEIGHBOUR, 9);
  source.script = (read, bytes, signal) => (read.number === 0 ? damage(read, bytes) : hang(signal));
  t.ok(await isRight(ASKED));
  t.equal(source.reads.length, 1);
  t.match(blob.stats().bytesFetchedByCause, {
    demand: CHUNK_BYTES,
    readahead: READAHEAD_FIRST_BYTES - CHUNK_BYTES,
  });
});

t.test('who joins a request for a part of it that nobody asked for asks once more', async (t) => {
  const { blob, source, isRight } = await openDamaged(t, NEIGHBOUR, 3);
  const both = await Promise.all([isRight(ASKED), isRight(NEIGHBOUR)]);
  t.same(both, [true, true]);
  const demands = source.reads.filter(({ priority }) => priority === 'demand');
  t.equal(demands.length, 4, 'three attempts of his own');
  t.equal(blob.stats().bytesFetchedByCause.demand, 4 * CHUNK_BYTES);
});

t.test('a second attempt at what was asked for counts as that, alone', async (t) => {
  const { blob, source, isRight } = await openDamaged(t, ASKED, 1);
  t.ok(await isRight(ASKED));
  t.match(
    source.reads.map(({ length }) => length),
    [READAHEAD_FIRST_BYTES, CHUNK_BYTES],
  );
  t.match(blob.stats().bytesFetchedByCause, {
    demand: 2 * CHUNK_BYTES,
    readahead: READAHEAD_FIRST_BYTES - CHUNK_BYTES,
  });
});

t.test('of a source whose blob is too short, whatever it has can be read', async (t) => {
  const { blob, source, isRight } = await openDamaged(t, ASKED, 0);
  const storedBytes = (ASKED + 2) * CHUNK_BYTES;
  source.script = ({ offset }, bytes) => bytes.subarray(0, Math.max(0, storedBytes - offset));
  t.ok(await isRight(ASKED));
  t.equal(source.reads.length, 2);
  await t.rejects(blob.read((ASKED + 2) * CHUNK_BYTES, 1), {
    code: 'ERR_BLOB_STORE_SOURCE_LENGTH',
  });
  t.ok(await isRight(ASKED + 1), 'also where others came along');
});
