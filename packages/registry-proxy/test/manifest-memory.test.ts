/** What is remembered of manifests, for how long, and what stands in when the registry fails. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { MediaType, sha256Digest } from '@shoal/oci';
import { EmbeddedRegistry } from '@shoal/registry-client/embedded';
import { RegistryProxy } from '@shoal/registry-proxy';
import { noiseBytes, serveOnLoopback, temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { ask } from './support/ask.ts';
import { openScene } from './support/proxy-scene.ts';
import { pushImage } from './support/pushed-image.ts';

const PATH = '/v2/a/b/manifests/v1';
const AT_REGISTRY = `${PATH}?ns=registry.test`;

t.test('a tag is believed for ten seconds, then asked for by HEAD', async (t) => {
  const { ask, registry, asked, clock } = await openScene(t);
  const first = await pushImage(`${registry.host}/a/b:v1`, noiseBytes(10, 1));
  t.ok((await ask(PATH)).body.equals(first.manifestBytes));
  const second = await pushImage(`${registry.host}/a/b:v1`, noiseBytes(10, 2));
  asked.length = 0;
  const early = await ask(PATH);
  t.ok(early.body.equals(first.manifestBytes));
  t.equal(early.headers['x-shoal-source'], 'local');
  t.same(asked, []);
  clock.nowMs += 10_001;
  const late = await ask(PATH);
  t.ok(late.body.equals(second.manifestBytes), 'the new one');
  t.same(asked, [`HEAD ${AT_REGISTRY}`, `GET ${AT_REGISTRY}`]);
  asked.length = 0;
  clock.nowMs += 10_001;
  const same = await ask(PATH);
  t.ok(same.body.equals(second.manifestBytes));
  t.equal(same.headers['x-shoal-source'], 'local');
  t.same(asked, [`HEAD ${AT_REGISTRY}`], 'what has not changed is not fetched again');
});

t.test('what a client accepts belongs to the tag', async (t) => {
  const index = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: [] }),
  );
  const manifest = Buffer.from(' {"schemaVersion":2,  "unknown": true}\n');
  const seen: string[] = [];
  const server = createServer(({ method, headers }, response) => {
    const accept = headers.accept ?? 'nothing';
    seen.push(`${method} ${accept}`);
    const isIndex = accept.includes(MediaType.ociIndex);
    const body = isIndex ? index : manifest;
    response.writeHead(200, {
      'content-type': isIndex ? MediaType.ociIndex : `${MediaType.ociManifest}; charset=utf-8`,
      'docker-content-digest': sha256Digest(body),
      'content-length': body.byteLength,
    });
    response.end(method === 'HEAD' ? undefined : body);
  });
  const host = await serveOnLoopback(t, server);
  const { ask } = await openScene(t, { upstream: { address: `http://${host}` } });
  const both = `${MediaType.ociManifest},  ${MediaType.ociIndex}`;
  const turned = `${MediaType.ociIndex}, ${MediaType.ociManifest}`;
  for (const [accept, body] of [
    [both, index],
    [turned, index],
    [MediaType.ociManifest, manifest],
    [both, index],
  ] as const) {
    const answer = await ask(PATH, { headers: { accept } });
    t.ok(answer.body.equals(body), accept);
    t.equal(
      answer.headers['content-type'],
      body === index ? MediaType.ociIndex : MediaType.ociManifest,
    );
  }
  t.same(seen, [`GET ${both}`, `GET ${MediaType.ociManifest}`], 'as received, each set once');
});

t.test('of a registry that says much little is remembered', async (t) => {
  const body = Buffer.from('{"schemaVersion":2}');
  const seen: string[] = [];
  const server = createServer(({ method, url = '' }, response) => {
    seen.push(`${method}`);
    if (url.includes('v1')) {
      response.writeHead(200, {
        'content-type': `${'a'.repeat(9000)}/json`,
        'docker-content-digest': sha256Digest(body),
        'content-length': body.byteLength,
      });
      response.end(method === 'HEAD' ? undefined : body);
    } else response.writeHead(404, { warning: 'w'.repeat(9000), 'content-length': 0 }).end();
  });
  const host = await serveOnLoopback(t, server);
  const { ask } = await openScene(t, { upstream: { address: `http://${host}` } });
  const answer = await ask(PATH);
  t.ok(answer.body.equals(body));
  t.equal(answer.headers['content-type'], MediaType.ociManifest, 'no type is so long');
  seen.length = 0;
  for (const expected of [1, 2]) {
    t.equal((await ask('/v2/a/b/manifests/none')).status, 404);
    t.equal(seen.length, expected, 'asked for again');
  }
});

t.test('it is missing for two seconds', async (t) => {
  const { ask, registry, asked, clock } = await openScene(t);
  t.equal((await ask(PATH)).status, 404);
  await pushImage(`${registry.host}/a/b:v1`, noiseBytes(10, 1));
  asked.length = 0;
  t.equal((await ask(PATH)).status, 404);
  t.equal((await ask(PATH, { method: 'HEAD' })).status, 404);
  t.same(asked, []);
  clock.nowMs += 2_001;
  t.equal((await ask(PATH)).status, 200);
});

t.test('a tag that is removed is gone', async (t) => {
  const { ask, registry, clock } = await openScene(t);
  await pushImage(`${registry.host}/a/b:v1`, noiseBytes(10, 1));
  t.equal((await ask(PATH)).status, 200);
  await fetch(`http://${registry.host}${PATH}`, { method: 'DELETE' });
  clock.nowMs += 10_001;
  t.equal((await ask(PATH)).status, 404);
  t.equal((await ask(PATH, { method: 'HEAD' })).status, 404);
});

t.test('what was known stands in for a registry that fails, for an hour', async (t) => {
  const { ask, registry, wire, clock } = await openScene(t);
  const { manifestBytes, manifest } = await pushImage(`${registry.host}/a/b:v1`, noiseBytes(10, 1));
  t.equal((await ask(PATH)).headers['warning'], undefined);
  for (const fault of [
    { kind: 'status', status: 503 },
    { kind: 'status', status: 429, headers: { 'retry-after': '7' } },
    { kind: 'reset' },
  ] as const) {
    clock.nowMs += 60_001;
    wire.inject({ fault });
    for (const method of ['GET', 'HEAD']) {
      const answer = await ask(PATH, { method });
      t.equal(answer.status, 200, `${fault.kind}, ${method}`);
      t.match(answer.headers['warning'], /^110 /);
      t.match(answer.headers['x-shoal-stale-seconds'], /^\d+$/);
      if (method === 'GET') t.ok(answer.body.equals(manifestBytes));
    }
    const byDigest = await ask(`/v2/a/b/manifests/${manifest.digest}`);
    t.equal(byDigest.status, 200);
    t.equal(byDigest.headers['warning'], undefined, 'a digest does not age');
    wire.heal();
  }
  clock.nowMs += 60 * 60_000;
  wire.inject({ fault: { kind: 'status', status: 503 } });
  t.equal((await ask(PATH)).status, 503);
});

t.test('errors are as the registry says them', async (t) => {
  const { ask, registry, wire } = await openScene(t);
  await pushImage(`${registry.host}/a/b:v1`, noiseBytes(10, 1));
  const expect = async (status: number, headers: Record<string, string>) => {
    wire.inject({ fault: { kind: 'status', status, headers } });
    const answer = await ask(PATH);
    t.equal(answer.status, status);
    t.equal(answer.headers['retry-after'], headers['retry-after']);
    wire.heal();
  };
  await expect(429, { 'retry-after': '17' });
  await expect(429, {});
  await expect(503, {});
  await expect(500, { 'retry-after': '3' });
  await expect(403, {});
  wire.inject({ fault: { kind: 'reset' } });
  t.equal((await ask(PATH)).status, 502, 'nobody has said 503');
  wire.heal();
  wire.inject({ fault: { kind: 'reset' }, times: 1 });
  t.equal((await ask(PATH)).status, 200, 'a connection that had ended is no failure');
});

t.test('a registry that says nothing costs three seconds twice, then nothing', async (t) => {
  const { ask, registry, wire, clock } = await openScene(t);
  await pushImage(`${registry.host}/a/b:v1`, noiseBytes(10, 1));
  wire.inject({ fault: { kind: 'hang' } });
  for (const tag of ['v1', 'v2']) t.equal((await ask(`/v2/a/b/manifests/${tag}`)).status, 504);
  const seen = wire.seen.length;
  const rested = await ask(PATH);
  t.equal(rested.status, 502);
  t.equal(wire.seen.length, seen, 'it is not asked');
  wire.heal();
  clock.nowMs += 5_001;
  t.equal((await ask(PATH)).status, 200);
});

t.test('bytes that are not what they are called are not passed on', async (t) => {
  const { ask, registry, wire, clock } = await openScene(t);
  const { manifest } = await pushImage(`${registry.host}/a/b:v1`, noiseBytes(10, 1));
  for (const reference of [manifest.digest, 'v1']) {
    wire.inject({
      fault: { kind: 'corrupt', atByte: 20 },
      matches: ({ method }) => method === 'GET',
    });
    t.equal((await ask(`/v2/a/b/manifests/${reference}`)).status, 502, reference);
    wire.heal();
    clock.nowMs += 10_001;
    t.equal((await ask(`/v2/a/b/manifests/${reference}`)).status, 200);
  }
});

t.test('many who want it at once are one', async (t) => {
  const { ask, registry, asked } = await openScene(t);
  await pushImage(`${registry.host}/a/b:v1`, noiseBytes(10, 1));
  asked.length = 0;
  const answers = await Promise.all(Array.from({ length: 20 }, () => ask(PATH)));
  t.ok(answers.every(({ status }) => status === 200));
  t.ok(asked.length < 10, `${asked.length} requests`);
});

t.test('the disk keeps manifests, verified, within its bounds', async (t) => {
  const registry = await EmbeddedRegistry.listen();
  t.teardown(() => registry.close());
  const directory = join(temporaryDirectory(t), 'made', 'manifests');
  const { manifest, manifestBytes } = await pushImage(`${registry.host}/a/b:v1`, noiseBytes(10, 1));
  const withProxy = async (use: (host: string) => Promise<void>, manifestBytesMax?: number) => {
    await using proxy = await RegistryProxy.listen({
      port: 0,
      manifestDirectory: directory,
      manifestBytesMax,
      upstreams: [{ name: 'registry.test', address: `http://${registry.host}` }],
    });
    await use(proxy.host);
  };
  const path = `/v2/a/b/manifests/${manifest.digest}`;
  await withProxy(async (host) => {
    t.equal((await ask(host, path)).headers['x-shoal-source'], 'origin');
  });
  writeFileSync(join(directory, '.part-left'), 'half');
  await withProxy(async (host) => {
    const answer = await ask(host, path);
    t.equal(answer.headers['x-shoal-source'], 'local', 'after a restart');
    t.equal(answer.headers['content-type'], MediaType.ociManifest);
    t.ok(answer.body.equals(manifestBytes));
  });
  const [name = ''] = readdirSync(directory);
  t.same(readdirSync(directory).length, 1, 'what was half written is gone');
  writeFileSync(
    join(directory, name),
    readFileSync(join(directory, name), 'utf8').replace('2', '3'),
  );
  await withProxy(async (host) => {
    const answer = await ask(host, path);
    t.equal(answer.headers['x-shoal-source'], 'origin', 'what is damaged is fetched again');
    t.ok(answer.body.equals(manifestBytes));
  });
  await withProxy(
    async (host) => {
      for (const [index, tag] of ['v2', 'v3', 'v4'].entries()) {
        await pushImage(`${registry.host}/a/b:${tag}`, noiseBytes(10, 2 + index));
        t.equal((await ask(host, `/v2/a/b/manifests/${tag}`)).status, 200);
      }
    },
    2 * manifestBytes.byteLength + 200,
  );
  t.ok(readdirSync(directory).length <= 2, `${readdirSync(directory).length} files`);
});
