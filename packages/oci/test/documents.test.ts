/** Digests, platforms, manifests, configurations. */
import {
  blobIdOfDigest,
  digestOfBlobId,
  encodeImageConfig,
  encodeManifest,
  formatPlatform,
  hostPlatform,
  MANIFEST_BYTES_MAX,
  matchPlatform,
  parseBlobId,
  parseDigest,
  parseImageConfig,
  parseManifest,
  parsePlatform,
  sha256Digest,
} from '@shoal/oci';
import t from 'tap';

const digest = sha256Digest(Buffer.from('x'));
const layer = { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest, size: 1 };
const bytesOf = (value: unknown) => Buffer.from(JSON.stringify(value));

t.test('digests and blob ids', async (t) => {
  t.equal(digest, 'sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881');
  t.equal(digestOfBlobId(blobIdOfDigest(digest)), digest);
  for (const wrong of ['', 'sha256:', `sha256:${'A'.repeat(64)}`, `md5:${'a'.repeat(32)}`, 'x']) {
    t.throws(() => parseDigest(wrong), { code: 'ERR_OCI_DIGEST' });
    t.throws(() => parseBlobId(wrong), { code: 'ERR_OCI_BLOB_ID' });
  }
  t.throws(() => blobIdOfDigest(parseDigest(`sha512:${'a'.repeat(128)}`)), {
    code: 'ERR_OCI_BLOB_ID',
  });
});

t.test('platforms', async (t) => {
  const same = (left: string, right: string) =>
    matchPlatform(parsePlatform(left), parsePlatform(right));
  t.ok(same('linux/amd64', 'Linux/x86_64'));
  t.ok(same('linux/arm64', 'linux/arm64/v8'));
  t.ok(same('linux/arm', 'linux/arm/v7'));
  t.notOk(same('linux/arm/v6', 'linux/arm/v7'));
  t.notOk(same('linux/amd64', 'linux/arm64'));
  t.equal(formatPlatform(parsePlatform('linux/arm64/v8')), 'linux/arm64/v8');
  t.equal(hostPlatform('x64').architecture, 'amd64');
  for (const wrong of [
    '',
    'linux',
    'linux/',
    '/amd64',
    'a/b/c/d',
    'linux/amd64\n',
    'l\u001b[1m/a',
  ]) {
    t.throws(() => parsePlatform(wrong), { code: 'ERR_OCI_PLATFORM', message: /^[\x20-\x7e]+$/ });
  }
  t.equal(formatPlatform({ os: 'linux\n', architecture: 'a'.repeat(65) }), '?/?');
});

t.test('a manifest keeps what it does not know and has one form', async (t) => {
  const document = {
    vendor: { z: [1, { y: null }], a: 'ü' },
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: { ...layer, annotations: { b: '1', a: '2' }, extra: true },
    layers: [layer, { ...layer, urls: ['https://x'] }],
  };
  const parsed = parseManifest(bytesOf(document));
  const encoded = encodeManifest(parsed);
  t.same(JSON.parse(encoded.toString('utf8')), document);
  t.ok(encodeManifest(parseManifest(encoded)).equals(encoded));
  const shuffled = Object.fromEntries(Object.entries(document).toReversed());
  t.ok(encodeManifest(parseManifest(bytesOf(shuffled))).equals(encoded));
  t.notMatch(encoded.toString('utf8'), '"kind"');
});

t.test('which kind a document is', async (t) => {
  const kindOf = (value: object) => parseManifest(bytesOf(value)).kind;
  const image = { schemaVersion: 2, config: layer, layers: [layer] };
  t.equal(kindOf(image), 'manifest');
  t.equal(
    kindOf({
      ...image,
      layers: null,
      mediaType: 'application/vnd.docker.distribution.manifest.v2+json',
    }),
    'manifest',
  );
  t.equal(kindOf({ schemaVersion: 2, manifests: [] }), 'index');
  t.equal(
    kindOf({
      schemaVersion: 2,
      mediaType: 'application/vnd.docker.distribution.manifest.list.v2+json',
      manifests: [{ ...layer, platform: { os: 'linux', architecture: 'amd64', variant: '' } }],
    }),
    'index',
  );
  t.throws(() => kindOf({ schemaVersion: 1, fsLayers: [] }), { code: 'ERR_OCI_DOCUMENT_KIND' });
  t.throws(() => kindOf({ ...image, mediaType: 'text/html' }), { code: 'ERR_OCI_DOCUMENT_KIND' });
});

t.test('what is wrong in a document is named', async (t) => {
  const image = { schemaVersion: 2, config: layer, layers: [layer] };
  const wrong: readonly (readonly [unknown, RegExp])[] = [
    [{ ...image, config: undefined }, /"config"/],
    [{ ...image, layers: [{ ...layer, digest: 'sha256:no' }] }, /"layers.0.digest"/],
    [{ ...image, layers: [{ ...layer, size: -1 }] }, /"layers.0.size"/],
    [{ ...image, layers: [{ ...layer, size: 1.5 }] }, /"layers.0.size"/],
    [{ ...image, layers: [{ ...layer, mediaType: 'a\nb/c' }] }, /"layers.0.mediaType"/],
    [{ ...image, layers: {} }, /"layers"/],
    [[], /manifest/],
    [null, /manifest/],
    ['x', /manifest/],
  ];
  for (const [value, message] of wrong) {
    t.throws(() => parseManifest(bytesOf(value), 'manifest m'), {
      code: 'ERR_OCI_DOCUMENT',
      message,
    });
  }
  const platform = { os: 'li\nnux', architecture: 'amd64' };
  t.throws(
    () => parseManifest(bytesOf({ schemaVersion: 2, manifests: [{ ...layer, platform }] })),
    { code: 'ERR_OCI_DOCUMENT', message: /manifests.0.platform.os/ },
  );
  t.throws(() => parseManifest(Buffer.from('{')), { code: 'ERR_OCI_DOCUMENT' });
  t.throws(() => parseManifest(Buffer.from([0x22, 0xff, 0x22])), { code: 'ERR_OCI_DOCUMENT' });
});

t.test('limits', async (t) => {
  const limit = { code: 'ERR_OCI_DOCUMENT_LIMIT' };
  t.throws(() => parseManifest(Buffer.alloc(MANIFEST_BYTES_MAX + 1, 0x20)), limit);
  t.throws(() => parseManifest(Buffer.from('['.repeat(1_000_000))), limit);
  const layers = Array.from({ length: 5000 }, () => layer);
  t.throws(() => parseManifest(bytesOf({ schemaVersion: 2, config: layer, layers })), limit);
  const nested = `{"a":${'['.repeat(60)}${']'.repeat(60)},"schemaVersion":2,"manifests":[]}`;
  t.ok(encodeManifest(parseManifest(Buffer.from(nested))));
  t.ok(
    parseManifest(Buffer.from(`{"a":"${'['.repeat(500)}\\"[","schemaVersion":2,"manifests":[]}`)),
  );
});

t.test('configurations', async (t) => {
  const document = {
    architecture: 'arm64',
    config: { Env: ['A=1'], Cmd: null },
    'moby.buildkit.cache.v0': 'kept',
    os: 'linux',
    rootfs: { diff_ids: [digest], type: 'layers' },
    history: [{ created_by: 'x', empty_layer: true, other: 1 }],
    variant: 'v8',
  };
  const parsed = parseImageConfig(bytesOf(document));
  t.same(JSON.parse(encodeImageConfig(parsed).toString('utf8')), document);
  const bare = parseImageConfig(Buffer.from('{}'));
  t.same(bare.rootfs, { type: 'layers', diff_ids: [] });
  t.throws(() => parseImageConfig(bytesOf({ os: 'a b' })), { code: 'ERR_OCI_DOCUMENT' });
  t.throws(() => parseImageConfig(bytesOf({ rootfs: { type: 'layers', diff_ids: ['x'] } })), {
    code: 'ERR_OCI_DOCUMENT',
    message: /rootfs.diff_ids.0/,
  });
});

t.test('__proto__ in a document is only a name', async (t) => {
  const text = '{"schemaVersion":2,"manifests":[],"__proto__":{"kind":"evil"}}';
  const parsed = parseManifest(Buffer.from(text));
  t.equal(parsed.kind, 'index');
  t.equal(Reflect.get({}, 'kind'), undefined);
  t.ok(encodeManifest(parsed).length > 0);
});
