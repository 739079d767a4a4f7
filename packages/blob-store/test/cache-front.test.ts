/** What was asked for of a read is given to who waits for it before the rest of the read has come. */
import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { requireRoot, temporaryDirectory, until } from '@shoal/test-kit';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { REAL_DISK_IO } from '../src/disk/disk-io.ts';
import { FrontBytes } from '../src/fetch/front-bytes.ts';
import type { ChunkCacheComponents, ChunkCacheOptions } from '../src/index.ts';
import { READAHEAD_BYTES_MAX } from '../src/limits.ts';
import { openCache, openSample } from './support/cache-fixture.ts';
import { isBlockReady, sampleBlob } from './support/sample-blob.ts';
import { hang, type ScriptedSource } from './support/scripted-source.ts';

const CHUNK_BYTES = 64 << 10;
const HALF = CHUNK_BYTES / 2;
const sizes = Array.from({ length: 12 }, () => CHUNK_BYTES);
const sample = sampleBlob({ seed: 5, sizes, compressor: 'none' });
const ASKED = 2;
const NEIGHBOUR = 3;

async function openFronted(
  t: Test,
  options: Partial<ChunkCacheOptions> = {},
  components: Partial<ChunkCacheComponents> = {},
) {
  const readaheadBytesMax = READAHEAD_BYTES_MAX;
  const fixture = await openCache(t, { readaheadBytesMax, ...options }, components);
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

/** Tells the front of the first read; the rest comes when the test says. */
function holdRest(source: ScriptedSource): () => void {
  const rest = Promise.withResolvers<undefined>();
  source.script = ({ offset, number }, bytes, _signal, tell) => {
    if (number > 0) return undefined;
    tell(offset, bytes.subarray(0, CHUNK_BYTES));
    return rest.promise;
  };
  return () => rest.resolve(undefined);
}

t.test('a disk that is full when the front is written: it is given from memory', async (t) => {
  if (!requireRoot(t)) return;
  const small = temporaryDirectory(t);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m,mode=0700', 'tmpfs', small]);
  t.teardown(() => execFileSync('umount', ['--lazy', small]));
  const { fixture, blob, source, isRight } = await openFronted(t, {
    directory: join(small, 'cache'),
  });
  const filling = join(small, 'filling');
  t.throws(() => writeFileSync(filling, Buffer.alloc(4 << 20)), { code: 'ENOSPC' });
  const sendRest = holdRest(source);
  const asked = isRight(ASKED);
  await until('it was not written', () => fixture.events.length > 0);
  t.equal(fixture.events[0]?.kind, 'disk-full');
  t.equal(blob.stats().chunksPresent, 0);
  sendRest();
  t.ok(await asked);
  t.equal(blob.stats().chunksPresent, 0, 'nobody is told of what could not be kept');
  rmSync(filling);
  t.ok(await isRight(ASKED));
  t.equal(blob.stats().chunksPresent, 1, 'it is kept when there is room');
  t.equal(source.reads.length, 1, 'from memory');
});

/** Syncs fail while it is broken. */
function breakableIo() {
  const disk = { isBroken: false };
  const io = {
    ...REAL_DISK_IO,
    sync: async (file: Parameters<typeof REAL_DISK_IO.sync>[0]) => {
      if (disk.isBroken) throw Object.assign(new Error('EIO: injected'), { code: 'EIO' });
      await REAL_DISK_IO.sync(file);
    },
  };
  return { disk, io };
}

t.test('a sync that fails between the front and the rest takes the front back', async (t) => {
  const { disk, io } = breakableIo();
  const { fixture, blob, source, isRight } = await openFronted(
    t,
    { durableDelayMs: 600_000 },
    { io },
  );
  const isPresent = (chunk: number) => isBlockReady(blob.readyMap, (chunk * CHUNK_BYTES) / 4096);
  disk.isBroken = true;
  const sendRest = holdRest(source);
  const both = () => blob.ensure(ASKED * CHUNK_BYTES, 2 * CHUNK_BYTES);
  const asked = isRight(ASKED);
  const first = both();
  t.ok(await asked, 'its reader has gone on');
  t.ok(isPresent(ASKED));
  const second = both();
  await blob.flush();
  t.equal(fixture.events[0]?.kind, 'sync-failed');
  t.notOk(isPresent(ASKED));
  disk.isBroken = false;
  sendRest();
  for (const waited of [first, second]) {
    await waited;
    t.ok(isPresent(ASKED) && isPresent(NEIGHBOUR), 'who waited for both has both');
  }
  const ofAsked = source.reads.filter(({ offset }) => offset === ASKED * CHUNK_BYTES);
  t.equal(ofAsked.length, 2, 'what was lost was read once more');
  t.ok((await isRight(ASKED)) && (await isRight(NEIGHBOUR)));
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
