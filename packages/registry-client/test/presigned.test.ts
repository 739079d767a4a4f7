/** Blobs in an object store behind redirects with signatures that end. */
import { createServer } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { parseDigest, parseReference, sha256Digest } from '@shoal/oci';
import { openSource, openTarget } from '@shoal/registry-client';
import { EmbeddedRegistry } from '@shoal/registry-client/embedded';
import {
  noiseBytes,
  PresigningProxy,
  requireTool,
  serveOnLoopback,
  startDockerRegistry,
} from '@shoal/test-kit';
import t, { type Test } from 'tap';
import { BlobLocations, expiryOf } from '../src/registry/blob-locations.ts';
import { basicAuth, dockerSetting } from './support/docker-config.ts';
import { writeImage } from './support/image-target-suite.ts';

const content = noiseBytes(400_000, 21);

async function scene(t: Test) {
  const registry = await EmbeddedRegistry.listen();
  const proxy = await PresigningProxy.listen(t, registry.host);
  await using target = await openTarget(parseReference(`${registry.host}/a/b:v1`), {});
  const { manifest } = await writeImage(target, [content]);
  const options = { plainHttp: true, retry: { delayMs: 1, delayMaxMs: 2 } };
  const source = await openSource(parseReference(`${proxy.host}/a/b:v1`), options);
  t.teardown(async () => {
    await source.close();
    await registry.close();
  });
  const [layer] = manifest.layers;
  if (layer === undefined) throw new Error('no layer');
  return { proxy, source, layer };
}

t.test('one redirect serves many readers, until it ends', async (t) => {
  const { proxy, source, layer } = await scene(t);
  const readAll = () =>
    Promise.all(
      Array.from({ length: 16 }, async (_, index) => {
        const range = await source.readBlobRange(layer, index * 1000, 1000);
        return range.equals(content.subarray(index * 1000, index * 1000 + 1000));
      }),
    );
  t.ok((await readAll()).every(Boolean));
  t.equal(proxy.redirects, 1, 'asked once for sixteen readers');
  t.ok((await buffer(await source.readBlob(layer))).equals(content));
  t.equal(proxy.redirects, 1, 'and not again while it holds');
  proxy.expireAll();
  t.ok((await readAll()).every(Boolean));
  t.equal(proxy.redirects, 2, 'renewed once for sixteen readers');
  t.equal(proxy.served, 33);
});

t.test('a cancelled reader does not harm those who wait with it', async (t) => {
  const { proxy, source, layer } = await scene(t);
  const controller = new AbortController();
  const first = source.readBlobRange(layer, 0, 10, { signal: controller.signal });
  const second = source.readBlobRange(layer, 10, 10);
  controller.abort(new Error('gone'));
  await t.rejects(first, { message: 'gone' });
  t.ok((await second).equals(content.subarray(10, 20)));
  t.equal(proxy.refused, 0);
});

t.test('the authorization stays with the registry', async (t) => {
  if (!requireTool(t, 'docker-registry', 'htpasswd')) return;
  const { host } = await startDockerRegistry(t, { htpasswd: { ann: 'secret' } });
  const proxy = await PresigningProxy.listen(t, host);
  const auth = basicAuth('ann', 'secret');
  const config = { auths: { [host]: auth, [proxy.host]: auth } };
  const options = { plainHttp: true, ...dockerSetting(t, { config }) };
  await using target = await openTarget(parseReference(`${host}/a/b:v1`), options);
  const { manifest } = await writeImage(target, [content]);
  const [layer] = manifest.layers;
  if (layer === undefined) throw new Error('no layer');
  await using source = await openSource(parseReference(`${proxy.host}/a/b:v1`), options);
  await t.resolves(source.resolve(), 'the registry itself wants the password');
  // this registry refuses the store's requests: they come without a password, and that is the point
  await t.rejects(source.readBlobRange(layer, 0, 10));
  t.ok(proxy.served > 0);
  t.same(proxy.leaked, []);
});

t.test('a redirect inside the registry keeps the authorization', async (t) => {
  const expected = `Basic ${Buffer.from('ann:secret').toString('base64')}`;
  const server = createServer((request, response) => {
    if (request.headers.authorization !== expected) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm=x' }).end();
    } else if (request.url?.startsWith('/v2/')) {
      response.writeHead(307, { location: '/elsewhere' }).end();
    } else response.end(content);
  });
  const host = await serveOnLoopback(t, server);
  const config = { auths: { [host]: basicAuth('ann', 'secret') } };
  const options = { plainHttp: true, ...dockerSetting(t, { config }) };
  await using source = await openSource(parseReference(`${host}/a/b:v1`), options);
  const layer = { mediaType: 'a/b', digest: sha256Digest(content), size: content.byteLength };
  t.ok((await buffer(await source.readBlob(layer))).equals(content));
});

t.test('how long a presigned URL holds', async (t) => {
  const nowMs = Date.UTC(2026, 0, 1);
  const at = (query: string) =>
    expiryOf(new URL(`https://store.example/x?${query}`), nowMs) - nowMs;
  t.equal(at('X-Amz-Date=20200101T000000Z&X-Amz-Expires=900'), 900_000);
  t.equal(at('X-Goog-Expires=60'), 60_000);
  t.equal(at(`Expires=${nowMs / 1000 + 30}&Signature=x`), 30_000);
  t.equal(at('se=2026-01-01T00%3A01%3A00Z&sig=x'), 60_000);
  t.equal(at('token=x'), 600_000);
});

t.test('setting the clock does not lengthen or shorten the life of a location', async (t) => {
  const locations = new BlobLocations();
  const digest = parseDigest(`sha256:${'ab'.repeat(32)}`);
  const wallClockMs = Date.parse('2026-11-28T12:00:00Z');
  const ofCloudFront = new URL(`https://store.example/x?Expires=${wallClockMs / 1000 + 300}`);
  locations.add(digest, ofCloudFront, 1000, wallClockMs);
  t.equal(locations.find(digest, 100_000)?.url, ofCloudFront, 'whatever the clock says now');
  t.equal(locations.find(digest, 301_000), undefined);
});
