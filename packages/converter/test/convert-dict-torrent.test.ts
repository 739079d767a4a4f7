/** Torrents of a dictionary's blobs: which of those that lie beside it are copied, and how long they are waited for. */
import { randomBytes } from 'node:crypto';
import {
  blobIdOfDigest,
  encodeManifest,
  MediaType,
  parseReference,
  sha256Digest,
} from '@shoal/oci';
import {
  decodeMetainfo,
  EMPTY_CONFIG,
  encodeMetainfo,
  PIECE_HASH_BYTES,
  pieceBytesOf,
  pieceCountOf,
  torrentManifest,
} from '@shoal/p2p-peer/torrent';
import { openTarget } from '@shoal/registry-client/stores';
import { buildLayout, FaultProxy, noise, temporaryDirectory, writeTar } from '@shoal/test-kit';
import t from 'tap';
import { writeBlob } from '../src/convert/copy-blob.ts';
import { convertImage, openImage } from '../src/index.ts';
import { torrentsOf } from './support/published-torrents.ts';
import { CountedRegistry, noiseLayout } from './support/test-images.ts';

t.setTimeout(200_000);
const MIB = 1 << 20;
const LIBRARIES = ['lib', 'more'] as const;

/** A registry behind a proxy with a dictionary of two blobs, and an image that has the same files and one more. */
async function openScene(scope: Parameters<typeof temporaryDirectory>[0], torrent: boolean) {
  const place = temporaryDirectory(scope);
  const registry = await CountedRegistry.listen(scope);
  const proxy = await FaultProxy.listen(scope, registry.registry.host);
  const source = noiseLayout(
    `${place}/dict`,
    LIBRARIES.map((name) => [name, MIB]),
  );
  const dict = parseReference(`${proxy.host}/dict:x`);
  const { digest } = await convertImage({ source, target: dict, torrent });
  const copies = LIBRARIES.map((name) => ({ name: `copy-${name}`, content: noise(MIB, name) }));
  const tar = writeTar([...copies, { name: 'own', content: noise(9, '') }]);
  buildLayout({ directory: `${place}/app`, layers: [{ tar }] });
  const app = parseReference(`oci:${place}/app:latest`);
  const convert = async (tag: string, insists: boolean) => {
    const target = registry.reference(`app:${tag}`);
    const options = { source: app, target, chunkDicts: [dict] };
    const report = await convertImage({ ...options, torrent: insists || 'if-possible' });
    const torrents = await torrentsOf(`${registry.registry.host}/app:${tag}`, report.digest);
    const hashes = new Map([...torrents].map(([blob, file]) => [blob, decodeMetainfo(file)]));
    return { hashes, warnings: report.warnings };
  };
  return { proxy, dict, digest, convert };
}

/** As anybody does who may push beside the dictionary: hashes of no pieces for each of its blobs. */
async function publishForged(dict: ReturnType<typeof parseReference>): Promise<Set<string>> {
  await using image = await openImage(dict, { prefer: 'converted' });
  const { manifest, descriptor } = image.facts;
  const signal = AbortSignal.timeout(60_000);
  const target = await openTarget(dict, {});
  const forged = new Set<string>();
  for (const { digest, size } of manifest.layers.slice(0, -1)) {
    const pieceBytes = pieceBytesOf(size);
    const pieceHashes = randomBytes(pieceCountOf(size, pieceBytes) * PIECE_HASH_BYTES);
    const fields = { blobId: blobIdOfDigest(digest), blobBytes: size, pieceBytes, pieceHashes };
    const { bytes } = encodeMetainfo({ ...fields, announce: [] });
    const metainfo = decodeMetainfo(bytes);
    for (const blob of [EMPTY_CONFIG, bytes]) {
      const identity = { digest: sha256Digest(blob), mediaType: MediaType.bittorrent };
      await writeBlob(target, blob, identity, signal);
    }
    const artifact = encodeManifest(torrentManifest({ metainfo, bytes }, descriptor));
    await target.writeManifest(artifact, MediaType.ociManifest, { tag: false, signal });
    forged.add(metainfo.infohash);
  }
  await target.close();
  return forged;
}

t.test('what a stranger has published beside a dictionary is not copied', async (t) => {
  const { dict, convert } = await openScene(t, false);
  const forged = await publishForged(dict);
  t.equal(forged.size, 2);
  const possible = await convert('possible', false);
  t.equal(possible.hashes.size, 1, 'only the new blob has one');
  t.match(possible.warnings, [/^2 blobs have no torrent/]);
  const required = await convert('required', true);
  t.equal(required.hashes.size, 3);
  t.same(required.warnings, []);
  for (const { infohash } of [...possible.hashes.values(), ...required.hashes.values()]) {
    t.notOk(forged.has(infohash), 'it is of the bytes');
  }
});

t.test('that which its manifest names is copied, whatever lies beside it', async (t) => {
  const { dict, convert, digest } = await openScene(t, true);
  const right = await torrentsOf(`${dict.kind === 'registry' ? dict.registry : ''}/dict:x`, digest);
  await publishForged(dict);
  const { hashes, warnings } = await convert('x', false);
  t.same(warnings, []);
  t.equal(hashes.size, 3);
  for (const [blob, file] of right) {
    t.equal(hashes.get(blob)?.infohash, decodeMetainfo(file).infohash);
  }
});

t.test('a registry that does not list them is asked once for all blobs', async (t) => {
  for (const [fault, insists] of [
    [{ kind: 'status', status: 403 }, true],
    [{ kind: 'hang' }, false],
  ] as const) {
    const { proxy, convert } = await openScene(t, true);
    const isList = (url = '') => url.includes('/referrers/');
    proxy.inject({ fault, matches: ({ url }) => isList(url) });
    const before = proxy.seen.length;
    const { hashes, warnings } = await convert('x', insists);
    t.equal(proxy.seen.slice(before).filter(({ url }) => isList(url)).length, 1);
    t.equal(hashes.size, insists ? 3 : 1);
    t.equal(warnings.length, insists ? 0 : 1, warnings.join());
  }
});
