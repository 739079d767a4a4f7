/** Bad networks and bad registries: right bytes, or an error that says what is wrong. */
import { createServer } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { type Descriptor, parseReference, sha256Digest } from '@shoal/oci';
import {
  type ClientOptions,
  type ImageStore,
  openSource,
  openTarget,
  type RequestEvent,
} from '@shoal/registry-client';
import { EmbeddedRegistry } from '@shoal/registry-client/embedded';
import { type Fault, FaultProxy, isBlobRead, noiseBytes, serveOnLoopback } from '@shoal/test-kit';
import t, { type Test } from 'tap';
import { writeBlob, writeImage } from './support/image-target-suite.ts';

const content = noiseBytes(3_000_000, 11);

type Scene = {
  readonly registry: EmbeddedRegistry;
  readonly proxy: FaultProxy;
  readonly source: ImageStore;
  readonly layer: Descriptor;
  readonly events: RequestEvent[];
};

/** An image behind a fault proxy; retries wait for a millisecond. */
async function scene(t: Test, options: ClientOptions = {}): Promise<Scene> {
  const registry = await EmbeddedRegistry.listen();
  const proxy = await FaultProxy.listen(t, registry.host);
  const events: RequestEvent[] = [];
  const quick: ClientOptions = {
    plainHttp: true,
    retry: { delayMs: 1, delayMaxMs: 2 },
    onRequest: (event) => events.push(event),
    ...options,
  };
  await using target = await openTarget(parseReference(`${registry.host}/a/b:v1`), quick);
  const { manifest } = await writeImage(target, [content]);
  const source = await openSource(parseReference(`${proxy.host}/a/b:v1`), quick);
  t.teardown(async () => {
    await source.close();
    await registry.close();
  });
  events.length = 0;
  const [layer] = manifest.layers;
  if (layer === undefined) throw new Error('no layer');
  return { registry, proxy, source, layer, events };
}

const healing: readonly (readonly [string, Fault])[] = [
  ['a reset before the request', { kind: 'reset' }],
  ['a lost answer', { kind: 'lose-answer' }],
  ['a truncated body', { kind: 'truncate', afterBytes: 1_000_000 }],
  ['a status 500', { kind: 'status', status: 500 }],
  [
    'a status 503 with Retry-After',
    { kind: 'status', status: 503, headers: { 'retry-after': '0' } },
  ],
  ['a status 429', { kind: 'status', status: 429 }],
  ['slow pieces', { kind: 'slow', pieceBytes: 200_000, pauseMs: 1 }],
];

for (const [name, fault] of healing) {
  t.test(`heals: ${name}`, async (t) => {
    const { proxy, source, layer } = await scene(t);
    // What only slows an answer down leaves no second try to strike.
    const times = fault.kind === 'slow' ? 1 : 2;
    proxy.inject({ fault, times });
    const resolved = await source.resolve();
    t.ok((await source.readManifest(resolved)).length > 0);
    proxy.inject({ fault, times, matches: isBlobRead });
    t.ok((await buffer(await source.readBlob(layer))).equals(content), 'the whole blob');
    proxy.inject({ fault, times, matches: isBlobRead });
    const range = await source.readBlobRange(layer, 500_000, 2_000_000);
    t.ok(range.equals(content.subarray(500_000, 2_500_000)), 'a range');
    t.equal(proxy.unused, 0, 'all faults have come');
  });
}

t.test('a truncated blob is resumed where it stopped, not read again', async (t) => {
  const { proxy, source, layer } = await scene(t);
  proxy.inject({
    fault: { kind: 'truncate', afterBytes: 1_000_000 },
    times: 1,
    matches: isBlobRead,
  });
  t.ok((await buffer(await source.readBlob(layer))).equals(content));
  const ranges = proxy.seen.filter(({ url }) => url.includes('/blobs/')).map(({ range }) => range);
  t.equal(ranges.length, 2);
  t.equal(ranges[0], undefined);
  t.match(ranges[1], /^bytes=\d{5,7}-2999999$/);
  t.ok(proxy.bodyBytes < content.byteLength + 200_000, `${proxy.bodyBytes} bytes`);
});

t.test('gives up after so many tries, with an error that may be retried later', async (t) => {
  const { proxy, source } = await scene(t, { retry: { delayMs: 1, attemptsMax: 3 } });
  proxy.inject({ fault: { kind: 'status', status: 503 } });
  await t.rejects(source.resolve(), { code: 'ERR_REGISTRY_CLIENT_STATUS', retryable: true });
  t.equal(proxy.seen.length, 3);
});

t.test('does not try again what cannot heal', async (t) => {
  const { proxy, source } = await scene(t);
  for (const [status, code] of [
    [400, 'STATUS'],
    [403, 'DENIED'],
    [404, 'NOT_FOUND'],
    [401, 'UNAUTHORIZED'],
  ] as const) {
    proxy.seen.length = 0;
    proxy.heal();
    proxy.inject({ fault: { kind: 'status', status } });
    await t.rejects(source.resolve(), {
      code: `ERR_REGISTRY_CLIENT_${code}`,
      retryable: false,
      remedy: /./,
    });
    t.equal(proxy.seen.length, 1, `status ${status}`);
  }
});

t.test('a Retry-After beyond reason is an error, not a wait', async (t) => {
  const { proxy, source } = await scene(t);
  const headers = { 'retry-after': '86400' };
  proxy.inject({ fault: { kind: 'status', status: 429, headers } });
  await t.rejects(source.resolve(), {
    code: 'ERR_REGISTRY_CLIENT_STATUS',
    retryAfterMs: 86_400_000,
  });
  t.equal(proxy.seen.length, 1);
});

t.test('wrong bytes and wrong lengths never pass', async (t) => {
  const { proxy, source, layer } = await scene(t);
  proxy.inject({ fault: { kind: 'corrupt', atByte: 1_234_567 }, times: 1, matches: isBlobRead });
  await t.rejects(source.readBlob(layer).then(buffer), {
    code: 'ERR_REGISTRY_CLIENT_DIGEST',
    message: new RegExp(layer.digest),
  });
  proxy.inject({ fault: { kind: 'shorten', bytes: 1000 }, times: 1, matches: isBlobRead });
  await t.rejects(source.readBlob(layer).then(buffer), { code: 'ERR_REGISTRY_CLIENT_SIZE' });
  proxy.inject({ fault: { kind: 'corrupt', atByte: 20 }, times: 1 });
  await t.rejects(source.resolve(), { code: 'ERR_REGISTRY_CLIENT_DIGEST' });
  const resolved = await source.resolve();
  proxy.heal();
  t.ok((await source.readManifest(resolved)).length > 0);
});

t.test('a range answered with the whole blob is cut off after the range', async (t) => {
  const { proxy, source, layer } = await scene(t);
  proxy.inject({ fault: { kind: 'ignore-range' } });
  const range = await source.readBlobRange(layer, 100_000, 50_000);
  t.ok(range.equals(content.subarray(100_000, 150_000)));
  const end = await source.readBlobRange(layer, content.byteLength - 10, 10);
  t.ok(end.equals(content.subarray(-10)));
});

t.test('a range says how long the whole is, whatever the descriptor says', async (t) => {
  const { proxy, source, layer } = await scene(t);
  const heard: number[] = [];
  const onSize = (size: number) => heard.push(size);
  const wrong = { ...layer, size: layer.size + 1 };
  await source.readBlobRange(layer, 10, 20, { onSize });
  await source.readBlobRange(wrong, 10, 20, { onSize });
  proxy.inject({ fault: { kind: 'ignore-range' } });
  await source.readBlobRange(wrong, 10, 20, { onSize });
  t.strictSame(heard, [content.length, content.length, content.length]);
});

t.test('an abort ends a hanging request', async (t) => {
  const { proxy, source, layer } = await scene(t);
  proxy.inject({ fault: { kind: 'hang' } });
  const controller = new AbortController();
  const reading = source.readBlobRange(layer, 0, 10, { signal: controller.signal });
  while (proxy.seen.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  controller.abort(new Error('no more'));
  await t.rejects(reading, { message: 'no more' });
});

t.test('a silent registry is given up', async (t) => {
  const { proxy, source } = await scene(t, {
    timeouts: { headersTimeoutMs: 50 },
    retry: { attemptsMax: 2, delayMs: 1 },
  });
  proxy.inject({ fault: { kind: 'hang' } });
  await t.rejects(source.resolve(), { code: 'ERR_REGISTRY_CLIENT_SILENT', retryable: true });
});

t.test('nobody listens: three tries, then an error that names the host', async (t) => {
  const registry = await EmbeddedRegistry.listen();
  const { host } = registry;
  await registry.close();
  const events: RequestEvent[] = [];
  const options = { plainHttp: true, onRequest: (event: RequestEvent) => events.push(event) };
  await using source = await openSource(parseReference(`${host}/a/b:v1`), options);
  await t.rejects(source.resolve(), {
    code: 'ERR_REGISTRY_CLIENT_UNREACHABLE',
    message: new RegExp(host),
    retryable: true,
  });
  t.equal(events.length, 3);
});

t.test('a push survives resets, lost answers and bad statuses', async (t) => {
  const { proxy, registry } = await scene(t);
  const cases: readonly (readonly [Fault, readonly string[]])[] = [
    [{ kind: 'reset' }, ['POST', 'PATCH', 'PUT', 'HEAD']],
    [{ kind: 'lose-answer' }, ['POST', 'PATCH', 'PUT']],
    [{ kind: 'status', status: 502 }, ['PATCH', 'PUT']],
    [{ kind: 'status', status: 429 }, ['POST']],
  ];
  const options: ClientOptions = { plainHttp: true, retry: { delayMs: 1, delayMaxMs: 2 } };
  const big = noiseBytes(9_000_000, 12);
  for (const [fault, methods] of cases) {
    for (const method of methods) {
      proxy.heal();
      proxy.inject({ fault, times: 1, matches: (request) => request.method === method });
      await using target = await openTarget(parseReference(`${proxy.host}/push/x:v1`), options);
      const stored = await writeBlob(target, big, 'application/x-test');
      t.ok(await target.hasBlob(stored), `${fault.kind} at ${method}`);
      t.equal(proxy.unused, 0);
    }
  }
  t.equal(registry.openUploads, 1, 'one session was opened twice: its answer was lost');
});

t.test('closing a target cancels its uploads', async (t) => {
  const { registry, proxy } = await scene(t);
  const target = await openTarget(parseReference(`${proxy.host}/push/z:v1`), { plainHttp: true });
  for (const seed of [14, 15])
    await (await target.openBlobWriter()).write(noiseBytes(9_000_000, seed));
  t.equal(registry.openUploads, 2);
  await target.close();
  t.equal(registry.openUploads, 0);
});

t.test('an aborted push leaves no upload behind', async (t) => {
  const { registry, proxy } = await scene(t);
  await using target = await openTarget(parseReference(`${proxy.host}/push/y:v1`), {
    plainHttp: true,
  });
  const writer = await target.openBlobWriter();
  await writer.write(noiseBytes(9_000_000, 13));
  t.equal(registry.openUploads, 1);
  await writer.abort();
  t.equal(registry.openUploads, 0);
  const digest = sha256Digest(Buffer.from(''));
  await t.rejects(writer.commit({ digest, size: 0, mediaType: 'a/b' }), {
    code: 'ERR_REGISTRY_CLIENT_CLOSED',
  });
});

t.test('a server that sends a byte now and then is given up, whatever is read', async (t) => {
  const { proxy, source, layer } = await scene(t, {
    timeouts: { rateWindowMs: 100 },
    retry: { attemptsMax: 2, delayMs: 1 },
  });
  const drip: Fault = { kind: 'slow', pieceBytes: 1, pauseMs: 5 };
  const slow = { code: 'ERR_REGISTRY_CLIENT_SLOW', retryable: true, remedy: /./ };
  proxy.inject({ fault: drip });
  await t.rejects(source.resolve(), slow, 'a manifest');
  await t.rejects(source.readBlob(layer).then(buffer), slow, 'a blob');
  await t.rejects(source.readBlobRange(layer, 1000, 100_000), slow, 'a range');
  proxy.heal();
  proxy.inject({ fault: drip, times: 1, matches: isBlobRead });
  const range = await source.readBlobRange(layer, 1000, 100_000);
  t.ok(range.equals(content.subarray(1000, 101_000)), 'goes on where the slow answer was cut');
});

t.test('who reads slowly is not taken for a slow server', async (t) => {
  const { proxy, source, layer } = await scene(t, { timeouts: { rateWindowMs: 1 } });
  let size = 0;
  for await (const piece of await source.readBlob(layer)) {
    size += piece.length;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  t.equal(size, content.byteLength);
  t.equal(proxy.seen.filter(({ url }) => url.includes('/blobs/')).length, 1, 'one request');
});

t.test('a head that comes a byte now and then is given up', async (t) => {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.write('HTTP/1.1 200 OK\r\n');
    const drip = setInterval(() => socket.write('x-a: b\r\n'), 10);
    socket.on('close', () => clearInterval(drip));
  });
  const host = await serveOnLoopback(t, server);
  await using source = await openSource(parseReference(`${host}/a/b:v1`), {
    plainHttp: true,
    timeouts: { headersTimeoutMs: 300 },
    retry: { attemptsMax: 1 },
  });
  await t.rejects(source.resolve(), { code: /SILENT|TRANSFER|PROTOCOL/ });
});
