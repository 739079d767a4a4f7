/**
 * What is public is asked of registries as anybody: a mirror of this host, which knows credentials and trusts
 * programs of the host, is not taken for one, however a name or a redirect leads to it.
 */
import { createServer } from 'node:http';
import { blobIdOfDigest, sha256Digest } from '@shoal/oci';
import { RegistryProxy } from '@shoal/registry-proxy';
import { ImageAccess } from '@shoal/snapshotter';
import { noiseBytes, serveOnLoopback } from '@shoal/test-kit';
import t, { type Test } from 'tap';
import { AnonymousOrigin } from '../src/peers/anonymous-origin.ts';
import { anonymousOptionsOf } from '../src/registry-access.ts';

const content = noiseBytes(100_000, 9);
const digest = sha256Digest(content);
const blob = { blobId: blobIdOfDigest(digest), sizeBytes: content.length };
const layer = { mediaType: 'application/octet-stream', digest, size: content.length };
const RANGES = [{ start: 1000, end: 2000 }];
const PASSWORD = `Basic ${Buffer.from('ann:secret').toString('base64')}`;

/** A registry with a password, and a mirror of it that answers programs of this host. */
async function openMirror(t: Test): Promise<{ registry: string; mirror: string }> {
  const server = createServer(({ method, headers }, response) => {
    if (headers.authorization !== PASSWORD) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="r"' }).end();
      return;
    }
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? [];
    const [start, end] = [Number(first ?? 0), Number(last ?? content.length - 1) + 1];
    const range = `bytes ${start}-${end - 1}/${content.length}`;
    if (first !== undefined) response.writeHead(206, { 'content-range': range });
    else response.writeHead(200, { 'content-length': content.length });
    response.end(method === 'HEAD' ? undefined : content.subarray(start, end));
  });
  const registry = await serveOnLoopback(t, server);
  const credentials = { kind: 'password', username: 'ann', password: 'secret' } as const;
  const upstream = { name: 'private.example', address: `http://${registry}`, credentials };
  const mirror = await RegistryProxy.listen({
    port: 0,
    upstreams: [{ ...upstream, mode: 'node' }],
  });
  t.teardown(() => mirror.close());
  return { registry, mirror: mirror.host };
}

function openOrigin(t: Test): AnonymousOrigin {
  const access = new ImageAccess(anonymousOptionsOf({}));
  t.teardown(() => access.close());
  return new AnonymousOrigin(access);
}

t.test('a mirror of this host proves nothing', async (t) => {
  const { registry, mirror } = await openMirror(t);
  const origin = openOrigin(t);
  const { signal } = new AbortController();
  const asked = `http://${mirror}/v2/team/secret/blobs/${digest}?ns=private.example`;
  const known = await fetch(asked, { headers: { range: 'bytes=0-9' } });
  t.equal(known.status, 206, 'a program of this host gets it');
  t.equal(await origin.read(`${registry}/team/secret`, blob, RANGES, signal), undefined);
  const named = `${mirror}/private.example/team/secret`;
  t.equal(await origin.read(named, blob, RANGES, signal), undefined, 'by a name');
  const evil = await serveOnLoopback(
    t,
    createServer(({ url }, response) => {
      if (url?.includes('/blobs/') === true) response.writeHead(307, { location: asked });
      response.end();
    }),
  );
  await t.rejects(
    origin.read(`${evil}/evil/image`, blob, RANGES, signal).then((read) => {
      if (read === undefined) throw new Error('not public');
    }),
    'by a redirect',
  );
  const own = new ImageAccess({});
  t.teardown(() => own.close());
  const reference = `docker://${evil}/evil/image`;
  const store = await own.open({ reference, source: {}, missPolicy: { kind: 'fail' } });
  await t.rejects(store.readBlobRange(layer, 0, 1000), 'nor for an image of the other registry');
});
