/** What is read through the proxy is what the registry has, to the byte. */
import { MediaType, sha256Digest } from '@shoal/oci';
import { noiseBytes } from '@shoal/test-kit';
import t from 'tap';
import { errorCodeIn } from './support/ask.ts';
import { openScene } from './support/proxy-scene.ts';
import { pushImage } from './support/pushed-image.ts';

t.test('manifests, by tag and by digest', async (t) => {
  const { ask, registry, asked } = await openScene(t);
  const { manifest, manifestBytes } = await pushImage(
    `${registry.host}/a/b:v1`,
    noiseBytes(1000, 1),
  );
  asked.length = 0;
  for (const reference of ['v1', manifest.digest, manifest.digest.replace(':', '%3A')]) {
    for (const method of ['HEAD', 'GET', 'GET', 'HEAD']) {
      const answer = await ask(`/v2/a/b/manifests/${reference}`, { method });
      t.equal(answer.status, 200, `${method} ${reference}`);
      t.equal(answer.headers['content-type'], MediaType.ociManifest);
      t.equal(answer.headers['docker-content-digest'], manifest.digest);
      t.equal(answer.headers['content-length'], `${manifestBytes.byteLength}`);
      t.equal(answer.headers['x-shoal-upstream'], 'registry.test');
      const body = method === 'HEAD' ? Buffer.alloc(0) : manifestBytes;
      t.ok(answer.body.equals(body), 'the bytes are the same');
    }
  }
  t.same(asked, [
    'HEAD /v2/a/b/manifests/v1?ns=registry.test',
    'GET /v2/a/b/manifests/v1?ns=registry.test',
  ]);
  const again = await ask(`/v2/a/b/manifests/v1`, {
    headers: { 'if-none-match': `"${manifest.digest}"` },
  });
  t.equal(again.status, 304);
  t.equal(again.headers['x-shoal-source'], 'local');
});

t.test('blobs, whole and in ranges', async (t) => {
  const { ask, registry, events } = await openScene(t);
  const bytes = noiseBytes(9_500_000, 2);
  const { layer } = await pushImage(`${registry.host}/a/b:v1`, bytes);
  const path = `/v2/a/b/blobs/${layer.digest}`;
  const head = await ask(path, { method: 'HEAD' });
  t.equal(head.status, 200);
  t.equal(head.headers['content-length'], `${bytes.byteLength}`);
  t.equal(head.headers['accept-ranges'], 'bytes');
  t.equal(head.headers['docker-content-digest'], layer.digest);
  const whole = await ask(path, { headers: { 'accept-encoding': 'zstd, gzip, deflate' } });
  t.equal(whole.status, 200);
  t.equal(whole.headers['content-encoding'], undefined);
  t.equal(whole.headers['x-shoal-source'], 'origin');
  t.ok(whole.isWhole && whole.body.equals(bytes), 'the whole is the same');
  const size = bytes.byteLength;
  const ranges: readonly (readonly [string, number, number])[] = [
    ['bytes=0-0', 0, 1],
    ['bytes=500-1499', 500, 1500],
    [`bytes=${size - 500}-`, size - 500, size],
    ['bytes=-500', size - 500, size],
    [`bytes=-${size + 5}`, 0, size],
    [`bytes=4000000-${size + 500}`, 4_000_000, size],
    ['bytes=262100-5000000', 262_100, 5_000_001],
  ];
  for (const [range, start, end] of ranges) {
    const part = await ask(path, { headers: { range } });
    t.equal(part.status, 206, range);
    t.equal(part.headers['content-range'], `bytes ${start}-${end - 1}/${size}`);
    t.equal(part.headers['content-length'], `${end - start}`);
    t.ok(part.isWhole && part.body.equals(bytes.subarray(start, end)), 'the bytes are the same');
  }
  for (const range of ['bytes=500-0', `bytes=${size}-`, 'bytes=99999999-', 'bytes=-0']) {
    const outside = await ask(path, { headers: { range } });
    t.equal(outside.status, 416, range);
    t.equal(outside.headers['content-range'], `bytes */${size}`);
  }
  for (const range of ['bytes=0-1,5-6', 'lines=1-2', 'bytes=-', 'bytes=a-b']) {
    const ignored = await ask(path, { headers: { range } });
    t.equal(ignored.status, 200, range);
    t.equal(ignored.body.byteLength, size);
  }
  const other = await ask(path, { headers: { range: 'bytes=0-1', 'if-range': '"another"' } });
  t.equal(other.status, 200, 'a part of something else is not wanted');
  t.equal(events.at(-1)?.bytes, size);
});

t.test('an empty blob', async (t) => {
  const { ask, registry } = await openScene(t);
  const { layer } = await pushImage(`${registry.host}/a/b:v1`, Buffer.alloc(0));
  const path = `/v2/a/b/blobs/${layer.digest}`;
  t.equal((await ask(path)).headers['content-length'], '0');
  t.equal((await ask(path, { headers: { range: 'bytes=0-' } })).status, 200);
  t.equal((await ask(path, { headers: { range: 'bytes=5-' } })).status, 416);
});

t.test('what is not there is not there', async (t) => {
  const { ask, registry } = await openScene(t);
  await pushImage(`${registry.host}/a/b:v1`, noiseBytes(10, 3));
  const nowhere = sha256Digest(Buffer.from('nowhere'));
  for (const method of ['GET', 'HEAD']) {
    for (const path of [
      '/v2/a/b/manifests/v2',
      `/v2/a/b/manifests/${nowhere}`,
      `/v2/a/b/blobs/${nowhere}`,
      '/v2/no/such/manifests/v1',
    ]) {
      const answer = await ask(path, { method });
      t.equal(answer.status, 404, `${method} ${path}`);
      if (method === 'GET') t.not(errorCodeIn(answer), 'none');
    }
  }
  const malformed = await ask('/v2/a/b/blobs/sha256:short');
  t.equal(malformed.status, 400);
  t.equal(errorCodeIn(malformed), 'DIGEST_INVALID');
  t.equal((await ask('/v2/a/b/referrers/nonsense')).status, 400);
  t.equal((await ask('/v2/a/b/manifests/-no-tag')).status, 404);
});

t.test('nothing can be written', async (t) => {
  const { ask, registry } = await openScene(t);
  const { manifest } = await pushImage(`${registry.host}/a/b:v1`, noiseBytes(10, 4));
  for (const method of ['PUT', 'POST', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE']) {
    const answer = await ask(`/v2/a/b/manifests/${manifest.digest}`, { method });
    t.equal(answer.status, 405, method);
    t.equal(answer.headers['allow'], 'GET, HEAD');
    t.equal(errorCodeIn(answer), 'UNSUPPORTED');
  }
  t.equal((await ask(`/v2/a/b/manifests/v1`)).status, 200);
});

t.test('tags and referrers', async (t) => {
  const { ask, registry } = await openScene(t);
  const { manifest } = await pushImage(`${registry.host}/a/b:v1`, noiseBytes(10, 5));
  const subject = { subject: manifest, artifactType: 'test/one' };
  const signed = await pushImage(`${registry.host}/a/b:s1`, noiseBytes(11, 5), {}, subject);
  const tags = await ask('/v2/a/b/tags/list');
  t.same(JSON.parse(tags.body.toString()), { name: 'a/b', tags: ['s1', 'v1'] });
  const all = await ask(`/v2/a/b/referrers/${manifest.digest}`);
  t.equal(all.headers['content-type'], MediaType.ociIndex);
  t.match(JSON.parse(all.body.toString()), { manifests: [{ digest: signed.manifest.digest }] });
  const none = await ask(`/v2/a/b/referrers/${manifest.digest}?artifactType=test%2Ftwo`);
  t.equal(none.status, 200);
  t.same(JSON.parse(none.body.toString()).manifests, []);
  t.equal(none.headers['oci-filters-applied'], 'artifactType');
  const nobody = await ask(`/v2/a/b/referrers/${sha256Digest(Buffer.from('nobody'))}`);
  t.equal(nobody.status, 200);
  t.same(JSON.parse(nobody.body.toString()).manifests, []);
});
