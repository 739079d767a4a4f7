/** Blobs on their way: verified, cancelled, read once, from wherever they are. */
import { createHash } from 'node:crypto';
import { get as httpGet } from 'node:http';
import type { BlobReadOptions, BlobSource, Verdict } from '@shoal/blob-store';
import { MediaType, parseDigest, parseReference, sha256Digest } from '@shoal/oci';
import { openTarget } from '@shoal/registry-client';
import type { BlobSourceFactory } from '@shoal/registry-proxy';
import { noiseBytes, until } from '@shoal/test-kit';
import t from 'tap';
import { BlobReads } from '../src/blobs/blob-reads.ts';
import { SourceShelf } from '../src/blobs/source-shelf.ts';
import type { ProxyRequest } from '../src/request/proxy-request.ts';
import { Upstream } from '../src/upstream/upstream.ts';
import { openScene, type SceneOptions } from './support/proxy-scene.ts';
import { pushImage } from './support/pushed-image.ts';

const SIZE = 9_000_000;
const isBlob = ({ url, method }: { url?: string | undefined; method?: string | undefined }) =>
  method === 'GET' && url?.includes('/blobs/') === true;

async function openBlob(t: Parameters<typeof openScene>[0], size = SIZE, options?: SceneOptions) {
  const scene = await openScene(t, options);
  const image = await pushImage(`${scene.registry.host}/a/b:v1`, noiseBytes(size, 1));
  return { ...scene, ...image, path: `/v2/a/b/blobs/${image.layer.digest}` };
}

t.test('a blob that is wrong never arrives whole', async (t) => {
  const { ask, wire, path, events } = await openBlob(t);
  wire.inject({ fault: { kind: 'corrupt', atByte: 1000 }, matches: isBlob, times: 1 });
  const cut = await ask(path);
  t.equal(cut.status, 200);
  t.notOk(cut.isWhole);
  t.ok(cut.body.byteLength < SIZE, `${cut.body.byteLength} bytes`);
  t.equal(events.at(-1)?.errorCode, 'ERR_REGISTRY_PROXY_DIGEST');
  t.equal((await ask(path)).isWhole, true);
});

t.test('a small one that is wrong does not arrive at all', async (t) => {
  const { ask, wire, path } = await openBlob(t, 1000);
  wire.inject({ fault: { kind: 'corrupt', atByte: 10 }, matches: isBlob, times: 1 });
  const answer = await ask(path);
  t.equal(answer.status, 502);
  t.match(answer.body.toString(), /does not have the digest/);
});

t.test('broken transfers go on where they broke', async (t) => {
  const { ask, wire, path, layerBytes } = await openBlob(t);
  for (const fault of [
    { kind: 'truncate', afterBytes: 100_000 },
    { kind: 'lose-answer' },
    { kind: 'reset' },
    { kind: 'status', status: 503 },
  ] as const) {
    wire.inject({ fault, matches: isBlob, times: 1 });
    const answer = await ask(path);
    t.ok(answer.isWhole && answer.body.equals(layerBytes), fault.kind);
    t.equal(wire.unused, 0);
    wire.heal();
  }
});

t.test('a registry that does not know ranges is read in one go', async (t) => {
  const { ask, wire, path, layerBytes } = await openBlob(t);
  wire.inject({ fault: { kind: 'ignore-range' }, matches: isBlob });
  t.ok((await ask(path)).body.equals(layerBytes));
  wire.bodyBytes = 0;
  wire.seen.length = 0;
  const whole = await ask(path);
  t.ok(whole.body.equals(layerBytes));
  t.ok(wire.bodyBytes < 2 * SIZE, `${wire.bodyBytes} bytes for ${SIZE}`);
  const ranged = await ask(path, { headers: { range: 'bytes=5-10' } });
  t.equal(ranged.status, 200, 'nor does the proxy then');
});

t.test(
  'the only reader of a large blob gets most of it in one transfer, and all of it when that breaks',
  async (t) => {
    const { ask, wire, path, layerBytes } = await openBlob(t, 40 << 20);
    const gets = () => wire.seen.filter(isBlob).map(({ range }) => range);
    t.ok((await ask(path)).body.equals(layerBytes));
    t.ok(gets().length < 12, gets().join(' '));
    t.match(gets().at(-1), new RegExp(`^bytes=8388608-${(40 << 20) - 1}$`));
    wire.seen.length = 0;
    wire.inject({
      fault: { kind: 'truncate', afterBytes: 5_000_000 },
      matches: ({ headers }) => headers.range?.startsWith('bytes=8388608-') === true,
      times: 1,
    });
    const again = await ask(path);
    t.ok(again.isWhole && again.body.equals(layerBytes));
    t.equal(wire.unused, 0);
    wire.inject({ fault: { kind: 'corrupt', atByte: 20_000_000 }, matches: isBlob });
    t.notOk((await ask(path)).isWhole, 'what is wrong in it is noticed');
  },
);

t.test('a client that goes away is read for no longer', async (t) => {
  const { proxy, wire, path } = await openBlob(t, 64 << 20);
  wire.bodyBytes = 0;
  const { hostname, port } = new URL(`http://${proxy.host}`);
  for (const range of [undefined, 'bytes=0-', 'bytes=20000000-']) {
    const headers = range === undefined ? {} : { range };
    await new Promise<void>((resolve) => {
      const request = httpGet({ hostname, port, path, headers, agent: false }, (answer) => {
        answer.once('data', () => {
          request.destroy();
          resolve();
        });
      });
    });
  }
  await until('nothing is read any more', () => proxy.readsUnderWay === 0);
  t.ok(wire.bodyBytes < 24 << 20, `${wire.bodyBytes} bytes for three beginnings`);
});

t.test('a client that does not read stops the reading', async (t) => {
  const { proxy, wire, path } = await openBlob(t, 64 << 20);
  wire.bodyBytes = 0;
  const { hostname, port } = new URL(`http://${proxy.host}`);
  const { promise, resolve } = Promise.withResolvers<{ destroy(): void }>();
  httpGet({ hostname, port, path, agent: false }, (answer) => {
    answer.pause();
    resolve(answer);
  });
  const answer = await promise;
  let seen = -1;
  await until('the reading has stopped', () => {
    const isSame = wire.bodyBytes === seen && proxy.readsUnderWay === 0;
    seen = wire.bodyBytes;
    return isSame;
  });
  t.ok(wire.bodyBytes < 32 << 20, `${wire.bodyBytes} bytes of ${64 << 20}`);
  answer.destroy();
});

t.test('a sha512 digest', async (t) => {
  const { ask, registry } = await openScene(t, { blobSource: ({ origin }) => origin });
  const bytes = noiseBytes(500_000, 7);
  const digest = parseDigest(`sha512:${createHash('sha512').update(bytes).digest('hex')}`);
  await using target = await openTarget(parseReference(`${registry.host}/a/b:v1`), {});
  const writer = await target.openBlobWriter();
  await writer.write(bytes);
  await writer.commit({ digest, size: bytes.byteLength, mediaType: MediaType.ociLayerTar });
  const whole = await ask(`/v2/a/b/blobs/${digest}`);
  t.equal(whole.headers['docker-content-digest'], digest);
  t.ok(whole.body.equals(bytes));
  const headers = { range: 'bytes=-10' };
  t.ok((await ask(`/v2/a/b/blobs/${digest}`, { headers })).body.equals(bytes.subarray(-10)));
});

/** A source of the given bytes that counts what is asked of it. */
function countingSource(
  bytes: Buffer,
  name: string | undefined,
  options: { failing?: boolean } = {},
) {
  const reads: string[] = [];
  const verdicts: [number, number, Verdict][] = [];
  const open = { sources: 0, closed: 0 };
  const gate = { passes: Promise.resolve() };
  const factory: BlobSourceFactory = ({ repository, authorization, upstream }) => {
    open.sources++;
    const source: BlobSource = {
      name: 'counting',
      async read(_, offset, length, { onFetched, onVerdict }: BlobReadOptions = {}) {
        reads.push(`${upstream}/${repository} ${authorization ?? 'nobody'} ${offset}+${length}`);
        await gate.passes;
        if (options.failing === true) throw new Error('the peers are gone');
        if (name !== undefined) onFetched?.(name, length);
        onVerdict?.((start, size, verdict) => verdicts.push([start, size, verdict]));
        return Buffer.from(bytes.subarray(offset, offset + length));
      },
      async close() {
        open.closed++;
      },
    };
    return source;
  };
  return { factory, reads, verdicts, open, gate };
}

t.test('bytes come from another source, and the answer says so', async (t) => {
  for (const [name, said] of [
    ['peer rack', 'peer'],
    [undefined, 'local'],
  ] as const) {
    const content = noiseBytes(SIZE, 1);
    const { factory, reads, verdicts } = countingSource(content, name);
    const { ask, wire, path } = await openBlob(t, SIZE, { blobSource: factory });
    const answer = await ask(path, { headers: { authorization: 'Basic x' } });
    t.equal(answer.headers['x-shoal-source'], said);
    t.ok(answer.body.equals(content));
    t.equal(wire.seen.filter(isBlob).length, 0, 'none from the registry');
    t.ok(reads.every((read) => read.startsWith('registry.test/a/b Basic x ')));
    const told = verdicts.reduce((sum, [, size]) => sum + size, 0);
    t.equal(told, SIZE, 'every part is told of');
    t.ok(verdicts.every(([, , verdict]) => verdict === 'right'));
  }
});

t.test('a source that gives something else hears of it', async (t) => {
  const { factory, verdicts } = countingSource(noiseBytes(SIZE, 99), 'peer');
  const { ask, path } = await openBlob(t, SIZE, { blobSource: factory });
  t.equal((await ask(path)).isWhole, false);
  t.ok(verdicts.length > 0 && verdicts.every(([, , verdict]) => verdict === 'wrong'));
});

t.test('a source that fails costs nothing but itself', async (t) => {
  const { factory } = countingSource(Buffer.alloc(0), 'peer', { failing: true });
  const { ask, path, layerBytes } = await openBlob(t, SIZE, { blobSource: factory });
  const answer = await ask(path);
  t.ok(answer.body.equals(layerBytes));
  t.equal(answer.headers['x-shoal-source'], 'origin');
});

t.test('equal reads are one', async (t) => {
  const content = noiseBytes(SIZE, 1);
  const { factory, reads, gate, open } = countingSource(content, 'peer');
  const upstream = new Upstream({ name: 'registry.test' }, '0'.repeat(16), () => 0);
  const route = {
    kind: 'route',
    upstream,
    repository: 'a/b',
    prefix: '',
    namespace: undefined,
    namedBy: undefined,
  } as const;
  const { signal } = new AbortController();
  const request = (authorization: string): ProxyRequest => ({
    ...{ kind: 'request', method: 'GET', route, upstream, repository: 'a/b', signal },
    caller: { kind: 'client', authorization },
    place: { upstream: 'registry.test', repository: 'a/b', identity: authorization },
    ...{ accept: undefined, userAgent: '', range: undefined, ifRange: undefined },
    ...{ ifNoneMatch: undefined, via: {} },
  });
  const shelf = new SourceShelf({ blobSource: factory }, () => 0);
  const blobReads = new BlobReads(shelf);
  const { promise, resolve } = Promise.withResolvers<void>();
  gate.passes = promise;
  const blob = { digest: sha256Digest(content), size: SIZE };
  const read = (who: string, offset: number) =>
    blobReads.read(request(who), blob, { offset, length: 1000 }, signal);
  const parts = ['a', 'b', 'a', 'c'].flatMap((who) => [read(who, 0), read(who, 5000)]);
  t.equal(blobReads.underWay, 2);
  resolve();
  for (const [index, part] of (await Promise.all(parts)).entries()) {
    t.ok(part.bytes.equals(content.subarray(5000 * (index % 2), 5000 * (index % 2) + 1000)));
  }
  t.equal(reads.length, 2);
  t.equal(blobReads.underWay, 0);
  await shelf.close();
  t.equal(open.closed, open.sources);
  await upstream.close();
});

t.test('every source is closed in the end', async (t) => {
  const { factory, open } = countingSource(noiseBytes(SIZE, 1), 'peer');
  const { ask, path, proxy } = await openBlob(t, SIZE, { blobSource: factory });
  for (const authorization of ['Basic a', 'Basic b'])
    await ask(path, { headers: { authorization } });
  t.same(open, { sources: 2, closed: 0 });
  await proxy.close();
  t.same(open, { sources: 2, closed: 2 });
});

t.test('a registry that says nothing in the middle', async (t) => {
  const { ask, wire, path } = await openBlob(t);
  wire.inject({ fault: { kind: 'hang' }, matches: isBlob });
  const answer = await ask(path);
  t.equal(answer.status, 504);
});
