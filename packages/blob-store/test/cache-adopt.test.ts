import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { encodeChunkMapHeader, setBit } from '../src/files/chunk-map.ts';
import { openCache, openSample } from './support/cache-fixture.ts';
import { sampleBlob } from './support/sample-blob.ts';

const sample = sampleBlob({ sizes: [5000, 4096, 30_000, 100, 70_000, 9000, 1, 1, 12_000] });
const { chunks } = sample.description;
const count = chunks.count;

type Leftover = {
  readonly mapName: '.blob.data.chunk_map' | '.chunk_map';
  readonly ready: readonly number[];
  readonly isAllReady?: boolean;
  readonly device?: Buffer;
};

/** A directory as nydusd leaves it. */
function nydusdDirectory(directory: string, leftover: Leftover): string {
  mkdirSync(directory, { mode: 0o755 });
  const bits = new Uint8Array(Math.ceil(count / 8));
  for (const chunk of leftover.ready) setBit(bits, chunk);
  const map = Buffer.concat([encodeChunkMapHeader(leftover.isAllReady ?? false), bits]);
  writeFileSync(`${directory}/${sample.blobId}${leftover.mapName}`, map);
  writeFileSync(`${directory}/${sample.blobId}.blob.data`, leftover.device ?? sample.device);
  return directory;
}

t.test('chunks left by nydusd are used once verified, under both names of the map', async (t) => {
  for (const mapName of ['.blob.data.chunk_map', '.chunk_map'] as const) {
    const directory = `${temporaryDirectory(t)}/cache`;
    nydusdDirectory(directory, { mapName, ready: [0, 2, 4, 7] });
    const fixture = await openCache(t, { directory, readaheadBytesMax: 0 });
    const { blob: cached, source } = await openSample(fixture, sample);
    t.equal(cached.stats().chunksPresent, 0, 'nothing is trusted unseen');
    t.match(fixture.events, [{ kind: 'adopted', message: /4 chunks/ }]);
    for (const chunk of [0, 2, 4, 7]) await cached.ensure(chunks.offset[chunk] ?? 0, 1);
    t.equal(source.reads.length, 0, `${mapName}: no fetch`);
    t.equal(cached.stats().chunksPresent, 4);
    t.ok((await cached.read(0, sample.device.length)).equals(sample.device));
    const fetched = [1, 3, 5, 6, 8].reduce((sum, at) => sum + (chunks.storedSize[at] ?? 0), 0);
    t.equal(source.bytesRead, fetched, 'the others are fetched');
    await fixture.cache.close();
    const again = await openCache(t, { directory });
    const reopened = await openSample(again, sample);
    t.ok(reopened.blob.isComplete, 'what was verified stays trusted');
    await again.cache.close();
  }
});

t.test('a map that claims everything, a device file that holds other bytes', async (t) => {
  const device = Buffer.from(sample.device);
  device.fill(0, chunks.offset[2], (chunks.offset[2] ?? 0) + 30_000);
  device.writeUInt8((device[chunks.offset[7] ?? 0] ?? 0) ^ 1, chunks.offset[7]);
  const directory = `${temporaryDirectory(t)}/cache`;
  nydusdDirectory(directory, {
    mapName: '.blob.data.chunk_map',
    ready: [],
    isAllReady: true,
    device,
  });
  const fixture = await openCache(t, { directory, readaheadBytesMax: 0 });
  const { blob: cached, source } = await openSample(fixture, sample);
  const reads = await Promise.all(
    Array.from({ length: 6 }, () => cached.read(0, sample.device.length)),
  );
  t.ok(reads.every((bytes) => bytes.equals(sample.device)));
  t.same(
    source.reads.map(({ offset }) => offset),
    [chunks.storedOffset[2], chunks.storedOffset[7]],
    'only the damaged chunks are fetched',
  );
  t.ok(readFileSync(cached.path).equals(sample.device));
});

t.test('a device file of another size is not adopted', async (t) => {
  const directory = `${temporaryDirectory(t)}/cache`;
  const device = sample.device.subarray(0, -4096);
  nydusdDirectory(directory, { mapName: '.chunk_map', ready: [0, 1], device });
  const fixture = await openCache(t, { directory });
  const { blob: cached, source } = await openSample(fixture, sample);
  t.ok((await cached.read(0, sample.device.length)).equals(sample.device));
  t.equal(source.reads.length, 1);
});

t.test('nydusd’s chunk-info file is written beside the device file', async (t) => {
  const fixture = await openCache(t);
  const blobMeta = Buffer.alloc(8192, 'meta');
  const description = { ...sample.description, blobMeta };
  const { blob: cached } = await openSample(fixture, sample, description);
  const path = `${fixture.directory}/${sample.blobId}.blob.meta`;
  t.ok(readFileSync(path).equals(blobMeta));
  await cached.ensure(0, sample.device.length);
  await cached.flush();
  const map = readFileSync(`${fixture.directory}/${sample.blobId}.blob.data.chunk_map`);
  t.equal(map.length, 4096 + Math.ceil(count / 8));
  t.same(
    [0, 4, 8, 12].map((at) => map.readUInt32LE(at)),
    [0x424d4150, 1, 0x434d4150, 0x4d4d4150],
    'a complete blob is marked all ready',
  );
  t.same([...map.subarray(4096)], [0xff, 0x80], 'bits go from the most significant one down');
});
