/** Torrents that a conversion is asked for: one of each data blob, beside the image, the same every time. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Digest, ImageManifest } from '@shoal/oci';
import { parseReference, ShoalAnnotation, sha256Digest } from '@shoal/oci';
import { decodeMetainfo } from '@shoal/p2p-peer/torrent';
import { buildLayout, FaultProxy, noise, temporaryDirectory, writeTar } from '@shoal/test-kit';
import t from 'tap';
import { checkImages, convertImage, inspectImage, openImage } from '../src/index.ts';
import { torrentsOf } from './support/published-torrents.ts';
import { blobPath, CountedRegistry, noiseLayout, readDocument } from './support/test-images.ts';

t.setTimeout(200_000);
const MIB = 1 << 20;
const LAYERS = [
  ['base', 3 * MIB],
  ['top', 100],
] as const;

/** The image of a tag in a layout, by its index alone. */
function manifestOf(directory: string, tag: string): { manifest: ImageManifest; digest: Digest } {
  const index = readDocument(`${directory}/index.json`);
  const entry =
    index.kind === 'index'
      ? index.manifests.find(
          ({ annotations }) => annotations?.['org.opencontainers.image.ref.name'] === tag,
        )
      : undefined;
  if (entry === undefined) throw new Error(`no ${tag}`);
  const manifest = readDocument(blobPath(directory, entry.digest));
  if (manifest.kind !== 'manifest') throw new Error('no manifest');
  return { manifest, digest: entry.digest };
}

function sha1OfPieces(bytes: Buffer, pieceBytes: number): Buffer {
  const hashes: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const piece = bytes.subarray(at, at + pieceBytes);
    hashes.push(createHash('sha1').update(piece).digest());
  }
  return Buffer.concat(hashes);
}

t.test('into a layout: the torrents are right, and nothing else changes', async (t) => {
  const place = temporaryDirectory(t);
  const source = noiseLayout(`${place}/in`, LAYERS);
  const plain = await convertImage({ source, target: parseReference(`oci:${place}/out:plain`) });
  const target = parseReference(`oci:${place}/out:torrent`);
  const report = await convertImage({ source, target, torrent: true });
  const { manifest, digest } = manifestOf(`${place}/out`, 'torrent');
  t.equal(report.digest, digest);
  const torrents = await torrentsOf(`oci:${place}/out:torrent`, digest);
  const blobs = manifest.layers.slice(0, -1);
  t.equal(blobs.length, 2);
  t.equal(torrents.size, 2);
  for (const blob of blobs) {
    const bytes = readFileSync(blobPath(`${place}/out`, blob.digest));
    const metainfo = decodeMetainfo(torrents.get(blob.digest) ?? Buffer.alloc(0));
    t.equal(`sha256:${metainfo.blobId}`, blob.digest);
    t.equal(metainfo.blobBytes, bytes.length);
    t.equal(metainfo.pieceBytes, MIB / 4);
    t.same(metainfo.pieceHashes, sha1OfPieces(bytes, MIB / 4));
    t.same(metainfo.announce, []);
    t.equal(blob.annotations?.[ShoalAnnotation.infohash], metainfo.infohash);
  }
  t.same(
    report.manifests[0]?.layers.map(({ infohash }) => infohash),
    blobs.map(({ annotations }) => annotations?.[ShoalAnnotation.infohash]),
  );
  // Without torrents it is the same image, to the byte.
  const before = manifestOf(`${place}/out`, 'plain');
  t.equal(plain.digest, before.digest);
  const layers = manifest.layers.map(({ annotations, ...layer }) => {
    const { [ShoalAnnotation.infohash]: _, ...others } = annotations ?? {};
    return { ...layer, annotations: others };
  });
  t.strictSame(before.manifest, { ...manifest, layers });
  t.notMatch(JSON.stringify(plain), /infohash|torrent"/, 'nor does the report speak of any');
});

t.test('the same conversion gives the same torrents; off and on are the same image', async (t) => {
  const place = temporaryDirectory(t);
  const source = noiseLayout(`${place}/in`, LAYERS);
  const digests = new Set<string>();
  for (const name of ['a', 'b']) {
    const target = parseReference(`oci:${place}/${name}:x`);
    await convertImage({ source, target, torrent: true });
    digests.add(sha256Digest(readFileSync(`${place}/${name}/index.json`)));
  }
  t.equal(digests.size, 1);
  const target = parseReference(`oci:${place}/a:x`);
  const { isEqual, differences } = await checkImages({ source, target });
  t.same([isEqual, differences], [true, []]);
  await convertImage({ source, target: parseReference(`oci:${place}/a:off`) });
  const both = await checkImages({ source: parseReference(`oci:${place}/a:off`), target });
  t.same([both.isEqual, both.differences], [true, []]);
  t.match(both.allowedChanges, [{ scope: 'manifest', path: 'layers' }]);
});

t.test('inspect shows infohashes, and nothing that a stranger wrote there', async (t) => {
  const place = temporaryDirectory(t);
  const source = noiseLayout(`${place}/in`, LAYERS);
  const target = parseReference(`oci:${place}/out:x`);
  const report = await convertImage({ source, target, torrent: true });
  await using image = await openImage(target, { prefer: 'converted' });
  const { layers } = inspectImage(image);
  const [first] = report.manifests[0]?.layers ?? [];
  t.match(first?.infohash, /^[0-9a-f]{40}$/);
  t.equal(layers[0]?.infohash, first?.infohash);
  t.equal(layers.at(-1)?.infohash, undefined);
  const { facts } = image;
  const [blob] = facts.manifest.layers;
  if (blob === undefined) throw new Error('no blob');
  const evil = { ...blob, annotations: { [ShoalAnnotation.infohash]: '\u001b[2J' } };
  const manifest = { ...facts.manifest, layers: [evil] };
  const shown = inspectImage({ kind: 'ordinary', facts: { ...facts, manifest } } as never);
  t.equal(shown.layers[0]?.infohash, undefined);
});

t.test('into a registry and into archives', async (t) => {
  const place = temporaryDirectory(t);
  const registry = await CountedRegistry.listen(t);
  const source = noiseLayout(`${place}/in`, LAYERS);
  const places = [
    `${registry.registry.host}/app:x`,
    `oci-archive:${place}/a.tar:x`,
    `docker-archive:${place}/b.tar:x`,
  ];
  const seen = new Set<string>();
  for (const name of places) {
    const target = parseReference(name);
    const { digest } = await convertImage({ source, target, torrent: true });
    const torrents = name.startsWith('docker-') ? undefined : await torrentsOf(name, digest);
    if (torrents !== undefined) seen.add([...torrents.values()].map(sha256Digest).join());
    t.same((await checkImages({ source, target })).differences, [], name);
  }
  t.equal(seen.size, 1, 'the same torrents everywhere');
  t.same(await registry.tags('app'), ['x']);
  const all = { source, target: registry.reference('app:both'), mergePlatform: true };
  const merged = await convertImage({ ...all, torrent: true, withReferrer: true });
  const [only] = merged.manifests;
  if (only === undefined) throw new Error('no manifest');
  const found = await torrentsOf(`${registry.registry.host}/app:both`, only.targetManifest);
  t.equal(found.size, 2);
});

t.test('torrents that cannot be written, and an interruption before the tag', async (t) => {
  const place = temporaryDirectory(t);
  const registry = await CountedRegistry.listen(t);
  const source = noiseLayout(`${place}/in`, LAYERS);
  const proxy = await FaultProxy.listen(t, registry.registry.host);
  const target = parseReference(`${proxy.host}/app:x`);
  // Manifests by digest are torrents; the image's own goes to its tag.
  proxy.inject({
    fault: { kind: 'status', status: 400 },
    matches: ({ method, url = '' }) => method === 'PUT' && url.includes('/manifests/sha256:'),
  });
  await t.rejects(convertImage({ source, target, torrent: true }), {
    code: 'ERR_REGISTRY_CLIENT_STATUS',
  });
  t.same(await registry.tags('app'), [], 'no tag moved');
  proxy.heal();
  for (const name of [`${proxy.host}/app:x`, `oci:${place}/out:x`]) {
    const abort = new AbortController();
    const run = convertImage({
      ...{ source, target: parseReference(name), torrent: true, signal: abort.signal },
      onProgress: (event) => {
        if (event.kind === 'step' && event.text === 'publishing') abort.abort(new Error('enough'));
      },
    });
    await t.rejects(run, /enough|abort/i);
    const whole = { source, target: parseReference(name), torrent: true };
    const { digest } = await convertImage(whole);
    t.equal((await torrentsOf(name, digest)).size, 2, `${name}: afterwards it is whole`);
  }
  t.same(await registry.tags('app'), ['x']);
});

t.test('a directory has a torrent, too; a layer without data has none', async (t) => {
  const place = temporaryDirectory(t);
  noiseLayout(`${place}/in`, [['base', 100]]);
  const target = parseReference(`oci:${place}/out:x`);
  const directory = parseReference(`dir:${place}/in`);
  const { digest } = await convertImage({ source: directory, target, torrent: true });
  t.equal((await torrentsOf(`oci:${place}/out:x`, digest)).size, 1);
  buildLayout({
    directory: `${place}/empty`,
    layers: [{ tar: writeTar([{ name: 'x', type: 'directory' }]) }],
  });
  const empty = parseReference(`oci:${place}/empty:latest`);
  const bare = await convertImage({ source: empty, target, torrent: true });
  t.equal((await torrentsOf(`oci:${place}/out:x`, bare.digest)).size, 0);
});

t.test('build cache: kept hashes are used, older records are hashed once', async (t) => {
  const place = temporaryDirectory(t);
  const registry = await CountedRegistry.listen(t);
  const source = noiseLayout(`${place}/in`, [['base', 3 * MIB]]);
  const buildCache = { kind: 'directory', path: `${place}/cache` } as const;
  const run = async (torrent: boolean) => {
    registry.take();
    const target = registry.reference('app:x');
    const report = await convertImage({ source, target, torrent, buildCache });
    const [layer] = report.manifests[0]?.layers ?? [];
    const { bytesIn, bytesOut } = registry.take();
    return { digest: report.digest, origin: layer?.origin, bytesIn, bytesOut };
  };
  const plain = await run(false);
  const first = await run(true);
  t.equal(first.origin, 'build-cache', 'the record of before is read');
  t.ok(first.bytesOut > 3 * MIB, 'the blob was read to be hashed');
  t.ok(first.bytesIn < MIB, 'but not written again');
  const second = await run(true);
  t.equal(second.origin, 'build-cache');
  t.ok(second.bytesOut < MIB, `${second.bytesOut} bytes read: the hashes were kept`);
  t.equal(second.digest, first.digest);
  t.equal((await run(false)).digest, plain.digest, 'newer records serve without torrents');
  const fresh = parseReference(`oci:${place}/fresh:x`);
  t.equal((await convertImage({ source, target: fresh, torrent: true })).digest, first.digest);
});

t.test('chunk dictionary: torrents of its blobs are copied, or made', async (t) => {
  const place = temporaryDirectory(t);
  const registry = await CountedRegistry.listen(t);
  const source = noiseLayout(`${place}/dict`, [['lib', 3 * MIB]]);
  const tar = writeTar([
    { name: 'copy', content: noise(3 * MIB, 'lib') },
    { name: 'own', content: noise(9, '') },
  ]);
  buildLayout({ directory: `${place}/app`, layers: [{ tar }] });
  const app = parseReference(`oci:${place}/app:latest`);
  const seen = new Set<string>();
  for (const torrent of [true, false]) {
    const dict = registry.reference(`dict:${torrent}`);
    await convertImage({ source, target: dict, torrent });
    const target = registry.reference(`app:${torrent}`);
    registry.take();
    const { digest } = await convertImage({
      source: app,
      target,
      torrent: true,
      chunkDicts: [dict],
    });
    const { bytesOut } = registry.take();
    t.equal(bytesOut < MIB, torrent, `${bytesOut} bytes read`);
    const torrents = await torrentsOf(`${registry.registry.host}/app:${torrent}`, digest);
    t.equal(torrents.size, 2);
    seen.add([...torrents.values()].map(sha256Digest).sort().join());
  }
  t.equal(seen.size, 1, 'the same either way');
});
