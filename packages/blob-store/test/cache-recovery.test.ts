import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { fileURLToPath } from 'node:url';
import { temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { REAL_DISK_IO } from '../src/disk/disk-io.ts';
import { openCache, openSample, withOtherDigest } from './support/cache-fixture.ts';
import { isBlockReady, type SampleBlob, sampleBlob } from './support/sample-blob.ts';
import { ScriptedSource } from './support/scripted-source.ts';

const CHUNKS = 400;
const sizes = Array.from({ length: CHUNKS }, (_, at) => 1000 + ((at * 977) % 9000));

/** Every block that is marked ready must hold the right bytes. */
function wrongBlocks(path: string, readyMap: SharedArrayBuffer, sample: SampleBlob): number {
  const file = readFileSync(path);
  let wrong = 0;
  for (let block = 0; block < file.length / 4096; block++) {
    if (!isBlockReady(readyMap, block)) continue;
    const at = block * 4096;
    if (!file.subarray(at, at + 4096).equals(sample.device.subarray(at, at + 4096))) wrong++;
  }
  return wrong;
}

t.test('a daemon killed at any moment leaves only right bytes marked present', async (t) => {
  const directory = `${temporaryDirectory(t)}/cache`;
  const sample = sampleBlob({ seed: 5, sizes });
  const child = fileURLToPath(new URL('./support/crash-child.ts', import.meta.url));
  for (const linesBeforeKill of [1, 2, 5]) {
    const running = spawn(process.execPath, [child, directory, '5', String(CHUNKS)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let durable = 0;
    let lines = 0;
    for await (const text of running.stdout.setEncoding('utf8')) {
      for (const line of String(text).trim().split('\n')) {
        durable = Number(line);
        if (++lines >= linesBeforeKill) running.kill('SIGKILL');
      }
    }
    if (running.exitCode === null && running.signalCode === null) await once(running, 'exit');
    const fixture = await openCache(t, { directory });
    const { blob: cached, source } = await openSample(fixture, sample);
    const { bytesPresent, bytesDurable } = cached.stats();
    t.ok(bytesDurable >= durable && durable > 0, `${bytesDurable} of ${durable} durable bytes`);
    t.equal(bytesPresent, bytesDurable, 'after a restart only durable chunks count');
    t.equal(wrongBlocks(cached.path, cached.readyMap, sample), 0);
    t.equal(source.reads.length, 0);
    await fixture.cache.close();
  }
  const fixture = await openCache(t, { directory });
  const { blob: cached } = await openSample(fixture, sample);
  t.ok((await cached.read(0, sample.device.length)).equals(sample.device));
});

t.test('the device file is on the disk before any record vouches for it', async (t) => {
  const steps: string[] = [];
  const names = ['data', 'map', 'digests'];
  const fds: number[] = [];
  const nameOf = (fd: number) => names[fds.indexOf(fd)] ?? '?';
  const io: typeof REAL_DISK_IO = {
    write: async (file, bytes, position) => {
      steps.push(`write ${nameOf(file.fd)}`);
      await REAL_DISK_IO.write(file, bytes, position);
    },
    sync: async (file) => {
      await REAL_DISK_IO.sync(file);
      steps.push(`sync ${nameOf(file.fd)}`);
    },
  };
  const fixture = await openCache(t, { durableDelayMs: 60_000 }, { io });
  const sample = sampleBlob({ sizes: [5000, 6000] });
  const { blob: cached } = await openSample(fixture, sample);
  for (const suffix of ['.blob.data', '.blob.data.chunk_map', '.shoal.digests']) {
    const path = `${fixture.directory}/${sample.blobId}${suffix}`;
    const fd = readdirSync('/proc/self/fd').find((name) => {
      try {
        return readlinkSync(`/proc/self/fd/${name}`) === path;
      } catch {
        return false;
      }
    });
    fds.push(Number(fd));
  }
  steps.length = 0;
  await cached.ensure(0, 1);
  t.same(steps, ['write data'], 'present at once');
  await cached.flush();
  t.same(steps.slice(0, 4), ['write data', 'sync data', 'write digests', 'write map']);
  t.same(steps.slice(4).sort(), ['sync digests', 'sync map']);
});

function punch(path: string): void {
  const { size } = statSync(path);
  truncateSync(path, 0);
  truncateSync(path, size);
}

function replaceByCopy(path: string): void {
  copyFileSync(path, `${path}.copy`);
  renameSync(`${path}.copy`, path);
}

/** As a backup that keeps no holes apart from zeros puts it back. */
function replaceByHoles(path: string): void {
  replaceByCopy(path);
  punch(path);
}

t.test('damaged or missing companions cost fetches, never right bytes', async (t) => {
  const sample = sampleBlob({ sizes: [5000, 4096, 30_000, 100] });
  const file = (directory: string, suffix: string) => `${directory}/${sample.blobId}${suffix}`;
  const map = '.blob.data.chunk_map';
  const damages: [string, (directory: string) => void, number][] = [
    ['no map', (d) => rmSync(file(d, map)), 1],
    ['short map', (d) => truncateSync(file(d, map), 4096), 1],
    ['long map', (d) => truncateSync(file(d, map), 5000), 1],
    ['map of noise', (d) => writeFileSync(file(d, map), Buffer.alloc(4097, 7)), 1],
    ['no digests', (d) => rmSync(file(d, '.shoal.digests')), 0],
    ['short digests', (d) => truncateSync(file(d, '.shoal.digests'), 100), 0],
    ['digests of zeros', (d) => writeFileSync(file(d, '.shoal.digests'), Buffer.alloc(4224)), 0],
    ['no data', (d) => rmSync(file(d, '.blob.data')), 1],
    ['short data', (d) => truncateSync(file(d, '.blob.data'), 4096), 1],
    ['long data', (d) => truncateSync(file(d, '.blob.data'), 1 << 20), 1],
    ['data of zeros in another file', (d) => replaceByHoles(file(d, '.blob.data')), 1],
    ['data of zeros in the same file', (d) => punch(file(d, '.blob.data')), 1],
    ['data copied', (d) => replaceByCopy(file(d, '.blob.data')), 0],
    ['nothing', () => {}, 0],
  ];
  for (const [what, damage, requests] of damages) {
    const directory = `${temporaryDirectory(t)}/cache`;
    const before = await openCache(t, { directory });
    const filled = await openSample(before, sample);
    await filled.blob.ensure(0, sample.device.length);
    await before.cache.close();
    damage(directory);
    const after = await openCache(t, { directory });
    const { blob: cached, source } = await openSample(after, sample);
    t.equal(wrongBlocks(cached.path, cached.readyMap, sample), 0, `${what}: no wrong bit`);
    t.ok((await cached.read(0, sample.device.length)).equals(sample.device), what);
    t.equal(source.reads.length, requests, `${what}: ${requests} requests`);
    await after.cache.close();
    const again = await openCache(t, { directory });
    const { blob: reopened } = await openSample(again, sample);
    t.ok(reopened.isComplete, `${what}: recovered for good`);
    await again.cache.close();
  }
});

t.test('an image is not trusted to speak for another one', async (t) => {
  const sample = sampleBlob({ sizes: [5000, 4096, 30_000] });
  const hostile = withOtherDigest(sample.description, 1);
  const directory = `${temporaryDirectory(t)}/cache`;
  const fixture = await openCache(t, { directory });
  const good = await openSample(fixture, sample);
  await good.blob.ensure(0, sample.device.length);
  const bad = await openSample(fixture, sample, hostile);
  t.not(bad.blob.fileKey, good.blob.fileKey, 'a description that contradicts gets its own file');
  t.not(bad.blob.path, good.blob.path);
  await t.rejects(bad.blob.ensure(0, sample.device.length), {
    code: 'ERR_BLOB_STORE_CHUNK_CORRUPT',
  });
  t.ok((await good.blob.read(0, sample.device.length)).equals(sample.device));
  await fixture.cache.close();
  // After a restart each finds its own file again, in whatever order they come.
  const later = await openCache(t, { directory });
  const badAgain = await openSample(later, sample, hostile);
  t.equal(badAgain.blob.fileKey, bad.blob.fileKey);
  const goodAgain = await openSample(later, sample);
  t.equal(goodAgain.blob.fileKey, sample.blobId);
  t.ok(goodAgain.blob.isComplete);
  await later.cache.close();
});

t.test('what another image verified is trusted only where both agree', async (t) => {
  const sample = sampleBlob({ sizes: [5000, 4096, 30_000] });
  const hostile = withOtherDigest(sample.description, 1);
  const fixture = await openCache(t);
  const good = await openSample(fixture, sample);
  await good.blob.ensure(0, sample.device.length);
  await good.blob.close();
  const alone = await openSample(fixture, sample, hostile);
  t.equal(alone.blob.fileKey, sample.blobId);
  t.equal(alone.blob.stats().chunksPresent, 2, 'only chunks both agree on');
  await t.rejects(alone.blob.ensure(5000 + 4096, 1), { code: 'ERR_BLOB_STORE_CHUNK_CORRUPT' });
  await alone.blob.close();
  const back = await openSample(fixture, sample);
  t.ok((await back.blob.read(0, sample.device.length)).equals(sample.device));
});

t.test('digests one image does not tell are taken from another that does', async (t) => {
  const sample = sampleBlob({ sizes: [5000, 4096, 30_000] });
  const { chunks } = sample.description;
  const digests = chunks.digests.slice();
  digests.fill(0, 32, 64);
  const partial = { ...sample.description, chunks: { ...chunks, digests } };
  const fixture = await openCache(t, { readaheadBytesMax: 0 });
  const one = await openSample(fixture, sample, partial);
  await one.blob.ensure(0, 1);
  await t.rejects(one.blob.ensure(8192, 1), { code: 'ERR_BLOB_STORE_CHUNK_UNKNOWN' });
  t.ok(
    digests.subarray(32, 64).every((byte) => byte === 0),
    'the caller’s own is left alone',
  );
  const other = await fixture.cache.openBlob(sample.description, new ScriptedSource([sample]));
  t.equal(other.path, one.blob.path);
  t.ok((await one.blob.read(0, sample.device.length)).equals(sample.device));
});

t.test('a directory deleted under the cache: open blobs go on, others are refused', async (t) => {
  const fixture = await openCache(t);
  const sample = sampleBlob({ sizes: [5000, 6000] });
  const { blob: cached } = await openSample(fixture, sample);
  rmSync(fixture.directory, { recursive: true });
  t.ok((await cached.read(0, sample.device.length)).equals(sample.device));
  await t.rejects(openSample(fixture, sample), {
    code: 'ERR_BLOB_STORE_CACHE_DIRECTORY',
    message: new RegExp(`${fixture.directory} was deleted`),
  });
});
