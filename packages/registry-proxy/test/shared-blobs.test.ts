/** What lies before the registry hangs, stalls or is late: the client gets the registry's bytes, and soon. */
import { get as httpGet } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BlobReadOptions } from '@shoal/blob-store';
import type { BlobSourceFactory } from '@shoal/registry-proxy';
import { noiseBytes, until } from '@shoal/test-kit';
import t, { type Test } from 'tap';
import { FIRST_READ_BYTES } from '../src/limits.ts';
import { openScene } from './support/proxy-scene.ts';
import { pushImage } from './support/pushed-image.ts';

const SIZE = 9_000_000;
/** A generous bound: it was ten seconds, and then an error. */
const SOON_MS = 5_000;

// Each waits for the patience with peers, which is seconds.
t.setTimeout(120_000);
const CONTENT = noiseBytes(SIZE, 1);

type Read = { readonly offset: number; readonly length: number; isCancelled: boolean };
type Behaviour = (
  offset: number,
  length: number,
  options: BlobReadOptions,
  origin: () => Promise<Buffer>,
) => Promise<Buffer>;

/** A source whose reads do as told; it says what they were and whether they were cancelled. */
async function openShared(t: Test, behaviour: Behaviour, content = CONTENT) {
  const reads: Read[] = [];
  const open = { sources: 0, closed: 0 };
  const factory: BlobSourceFactory = ({ origin }) => {
    open.sources++;
    return {
      name: 'shared',
      read: (blob, offset, length, options = {}) => {
        const read = { offset, length, isCancelled: false };
        reads.push(read);
        options.signal?.addEventListener('abort', () => {
          read.isCancelled = true;
        });
        return behaviour(offset, length, options, () => origin.read(blob, offset, length, options));
      },
      close: async () => {
        open.closed++;
      },
    };
  };
  const scene = await openScene(t, { blobSource: factory });
  const { layer } = await pushImage(`${scene.registry.host}/a/b:v1`, content);
  const ranges = () =>
    scene.wire.seen
      .filter(({ method, url }) => method === 'GET' && url.includes('/blobs/'))
      .map(({ range }) => range);
  return { ...scene, reads, open, ranges, path: `/v2/a/b/blobs/${layer.digest}` };
}

/** Not even an abort ends it. */
const forever = (): Promise<Buffer> => new Promise(() => undefined);

function fromPeers(offset: number, length: number, { onFetched }: BlobReadOptions): Buffer {
  onFetched?.('peer-rack', length);
  return Buffer.from(CONTENT.subarray(offset, offset + length));
}

const isBlob = ({ url, method }: { url?: string | undefined; method?: string | undefined }) =>
  method === 'GET' && url?.includes('/blobs/') === true;

async function timed<Value>(work: Promise<Value>): Promise<readonly [Value, number]> {
  const startMs = performance.now();
  return [await work, performance.now() - startMs];
}

t.test('it hangs from the start', async (t) => {
  const { ask, path, reads, open, clock, proxy, ranges } = await openShared(t, forever);
  const [part, tookMs] = await timed(ask(path, { headers: { range: 'bytes=0-99999' } }));
  t.equal(part.status, 206);
  t.equal(part.headers['x-shoal-source'], 'origin');
  t.ok(part.body.equals(CONTENT.subarray(0, 100_000)), 'the bytes are right');
  t.ok(tookMs < SOON_MS, `${Math.round(tookMs)} ms`);
  clock.nowMs += 1_000;
  const answer = await ask(path);
  t.equal(answer.headers['x-shoal-source'], 'origin');
  t.ok(answer.isWhole && answer.body.equals(CONTENT));
  t.equal(reads.length, 2, 'it rests after each of them');
  t.ok(reads.every(({ isCancelled }) => isCancelled));
  t.equal(new Set(ranges()).size, ranges().length, 'nothing is asked for twice');
  t.equal(proxy.readsUnderWay, 0);
  await proxy.close();
  t.same(open, { sources: 1, closed: 1 });
});

t.test('it stalls after the first part', async (t) => {
  const { ask, path, reads } = await openShared(t, async (offset, length, options) =>
    offset === 0 ? fromPeers(offset, length, options) : forever(),
  );
  const answer = await ask(path);
  t.equal(answer.headers['x-shoal-source'], 'peer', 'where the first bytes came from');
  t.ok(answer.isWhole && answer.body.equals(CONTENT), 'before, this did not end');
  t.equal(reads.length, 2);
  t.equal(reads[1]?.isCancelled, true);
});

t.test('it hangs, and the registry is slow: that is asked once for each part', async (t) => {
  const { ask, path, wire, ranges } = await openShared(t, forever);
  wire.inject({ fault: { kind: 'slow', pieceBytes: 16_384, pauseMs: 60 }, matches: isBlob });
  const headers = { range: 'bytes=0-499999' };
  const answer = await ask(path, { headers });
  t.equal(answer.headers['x-shoal-source'], 'origin');
  t.ok(answer.body.equals(CONTENT.subarray(0, 500_000)));
  t.equal(new Set(ranges()).size, ranges().length, ranges().join(' '));
});

t.test('it hangs, and the registry fails: the error is what the registry says', async (t) => {
  const { ask, path, wire, ranges, reads, events } = await openShared(t, forever);
  await ask(path, { method: 'HEAD' });
  wire.inject({ fault: { kind: 'status', status: 503 }, matches: isBlob });
  const [answer, tookMs] = await timed(ask(path));
  t.equal(answer.status, 503);
  t.ok(tookMs < SOON_MS + 2_000, `${Math.round(tookMs)} ms`);
  t.equal(ranges().length, 3, 'the tries of one request');
  t.ok(reads.every(({ isCancelled }) => isCancelled));
  t.equal(events.at(-1)?.errorCode, 'ERR_REGISTRY_CLIENT_STATUS');
  wire.heal();
  t.ok((await ask(path)).body.equals(CONTENT));
});

t.test('it is late: whoever is first counts', async (t) => {
  const gate = Promise.withResolvers<void>();
  const late = { until: (): Promise<unknown> => gate.promise };
  const scene = await openShared(t, async (offset, length, options) => {
    if (offset === 0) await late.until();
    return fromPeers(offset, length, options);
  });
  const { ask, path, wire, reads, clock, proxy } = scene;
  const early = await ask(path);
  t.equal(early.headers['x-shoal-source'], 'origin');
  t.ok(early.isWhole && early.body.equals(CONTENT));
  t.equal(reads[0]?.isCancelled, true);
  gate.resolve();
  t.ok((await ask(path)).body.equals(CONTENT), 'an answer that comes then does no harm');
  clock.nowMs += 60_000;
  const before = scene.ranges().length;
  late.until = () => until('the registry is asked', () => scene.ranges().length > before);
  wire.inject({ fault: { kind: 'hang' }, matches: isBlob });
  const second = await ask(path);
  t.equal(second.headers['x-shoal-source'], 'peer');
  t.ok(
    second.isWhole && second.body.equals(CONTENT),
    'the registry, which hangs, is not waited for',
  );
  t.equal(scene.ranges().length, before + 1, 'though it was asked');
  t.equal(proxy.readsUnderWay, 0);
});

t.test('it waits for the registry itself, which is slow: nobody else asks', async (t) => {
  const { ask, path, wire, ranges } = await openShared(t, (_offset, _length, _options, origin) =>
    origin(),
  );
  wire.inject({ fault: { kind: 'slow', pieceBytes: 16_384, pauseMs: 100 }, matches: isBlob });
  const answer = await ask(path, { headers: { range: 'bytes=0-262143' } });
  t.equal(answer.headers['x-shoal-source'], 'origin');
  t.ok(answer.body.equals(CONTENT.subarray(0, FIRST_READ_BYTES)));
  t.equal(ranges().length, 1);
});

t.test('it is slow, but goes on', async (t) => {
  const { ask, path, ranges } = await openShared(t, async (offset, length, options) => {
    if (offset === 0) return fromPeers(offset, length, options);
    for (let times = 0; times < 6; times++) {
      await sleep(150);
      options.onProgress?.();
    }
    return fromPeers(offset, length, options);
  });
  const answer = await ask(path, { headers: { range: 'bytes=0-1999999' } });
  t.ok(answer.body.equals(CONTENT.subarray(0, 2_000_000)));
  t.equal(ranges().length, 0, 'a busy machine aside, nothing of it is asked of the registry');
});

t.test('a client that goes away ends both', async (t) => {
  const { path, proxy, wire, reads, ranges } = await openShared(t, forever);
  wire.inject({ fault: { kind: 'hang' }, matches: isBlob });
  const { hostname, port } = new URL(`http://${proxy.host}`);
  const request = httpGet({ hostname, port, path, agent: false });
  request.on('error', () => undefined);
  await until('the registry is asked beside it', () => ranges().length === 1);
  request.destroy();
  await until('nothing is read any more', () => proxy.readsUnderWay === 0);
  t.ok(reads.length > 0 && reads.every(({ isCancelled }) => isCancelled));
  await proxy.close();
});

t.test('a large blob does not wait for it at every part', async (t) => {
  const content = noiseBytes(60_000_000, 3);
  const { ask, path, reads } = await openShared(t, forever, content);
  const answer = await ask(path);
  t.ok(answer.isWhole && answer.body.equals(content));
  t.equal(reads.length, 1, 'of some 20 parts');
});
