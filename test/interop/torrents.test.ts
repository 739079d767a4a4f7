/**
 * Torrents that `convert` publishes, with programs that are not ours: found in a registry
 * without a referrers API by plain requests, announced to a standard tracker, seeded by one aria2c and
 * fetched by another.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import {
  buildLayout,
  noise,
  requireTool,
  runChecked,
  temporaryDirectory,
  until,
  writeTar,
} from '@shoal/test-kit';
import { startDockerRegistry } from '@shoal/test-kit/registry/docker-registry';
import TrackerEngine from 'bittorrent-tracker/server';
import t from 'tap';
import * as z from 'zod';
import { runShoal } from '../support/shoal-command.ts';
import { startAria2 } from './support/aria2.ts';

t.setTimeout(240_000);

const descriptor = z.looseObject({
  digest: z.string(),
  mediaType: z.string(),
  artifactType: z.string().optional(),
  annotations: z.record(z.string(), z.string()).optional(),
});
const manifestSchema = z.looseObject({
  artifactType: z.string().optional(),
  subject: descriptor.optional(),
  layers: z.array(descriptor),
});
const indexSchema = z.looseObject({ manifests: z.array(descriptor) });

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const INDEX = 'application/vnd.oci.image.index.v1+json';
const BLOB = 'application/vnd.oci.image.layer.nydus.blob.v1';

/** Requests as any client makes them. */
class PlainRegistry {
  readonly #base: string;

  constructor(host: string, repository: string) {
    this.#base = `http://${host}/v2/${repository}`;
  }

  async manifest(name: string, accept: string): Promise<{ bytes: Buffer; digest: string }> {
    const bytes = await this.#get(`manifests/${name}`, accept);
    return { bytes, digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}` };
  }

  blob(digest: string): Promise<Buffer> {
    return this.#get(`blobs/${digest}`, '*/*');
  }

  async #get(path: string, accept: string): Promise<Buffer> {
    const answer = await fetch(`${this.#base}/${path}`, { headers: { accept } });
    if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
    return Buffer.from(await answer.arrayBuffer());
  }
}

async function startTracker(): Promise<{ url: string; seeders: () => number; close: () => void }> {
  const engine = new TrackerEngine({
    http: true,
    udp: false,
    ws: false,
    stats: false,
    interval: 1000,
  });
  const http: import('node:http').Server = Reflect.get(engine, 'http');
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const { port } = http.address() as AddressInfo;
  let seeders = 0;
  engine.on('start', (_address: unknown, params: { readonly left: number }) => {
    if (params.left === 0) seeders += 1;
  });
  return {
    url: `http://127.0.0.1:${port}/announce`,
    seeders: () => seeders,
    close: () => http.close(),
  };
}

t.test('aria2c fetches a blob from another by the torrent in the registry', async (t) => {
  if (!requireTool(t, 'aria2c', 'docker-registry')) return;
  const place = temporaryDirectory(t);
  const layers = [5 << 20, 300].map((size, layer) => ({
    tar: writeTar([{ name: `file-${layer}`, content: noise(size, `torrent ${layer}`) }]),
  }));
  const source = buildLayout({ directory: join(place, 'source'), layers });
  const registry = await startDockerRegistry(t);
  const target = `${registry.host}/shoal/app:lazy`;
  const images = ['--source', `oci:${source}`, '--target', target];
  await runShoal(['convert', ...images]);
  await runShoal(['check', ...images]);

  const plain = new PlainRegistry(registry.host, 'shoal/app');
  const image = await plain.manifest('lazy', MANIFEST);
  const manifest = manifestSchema.parse(JSON.parse(image.bytes.toString()));
  const list = await plain.manifest(image.digest.replace(':', '-'), INDEX);
  const { manifests } = indexSchema.parse(JSON.parse(list.bytes.toString()));
  const blobs = manifest.layers.filter(({ mediaType }) => mediaType === BLOB);
  t.equal(blobs.length, 2);
  t.equal(manifests.length, 2, 'one torrent for each');
  const tracker = await startTracker();
  t.teardown(() => tracker.close());
  for (const [number, blob] of blobs.entries()) {
    const listed = manifests.find(
      ({ annotations }) => annotations?.['io.shoal.torrent.blob'] === blob.digest,
    );
    t.equal(listed?.artifactType, 'application/vnd.shoal.torrent.v1');
    const artifact = await plain.manifest(listed?.digest ?? '', MANIFEST);
    const torrent = manifestSchema.parse(JSON.parse(artifact.bytes.toString()));
    t.match(torrent.subject, { digest: image.digest, mediaType: MANIFEST });
    t.match(torrent.layers, [{ mediaType: 'application/x-bittorrent' }]);
    const name = blob.digest.slice('sha256:'.length);
    const seedPlace = join(place, `seed-${number}`);
    const fetchPlace = join(place, `fetch-${number}`);
    for (const directory of [seedPlace, fetchPlace]) mkdirSync(directory);
    const bytes = await plain.blob(blob.digest);
    writeFileSync(join(seedPlace, name), bytes);
    const file = join(place, `${name}.torrent`);
    writeFileSync(file, await plain.blob(torrent.layers[0]?.digest ?? ''));
    const shown = await runChecked('aria2c', ['--show-files', file]);
    t.match(shown.stdout, `Info Hash: ${blob.annotations?.['io.shoal.torrent.infohash']}`);
    const common = { torrent: file, tracker: tracker.url };
    const before = tracker.seeders();
    const seed = await startAria2(t, { ...common, directory: seedPlace, does: 'seed' });
    await until('the seed is announced', () => tracker.seeders() > before);
    const fetcher = await startAria2(t, { ...common, directory: fetchPlace, does: 'fetch' });
    await until('the blob is fetched', () => fetcher.pid === undefined);
    t.ok(readFileSync(join(fetchPlace, name)).equals(bytes), `blob ${number} is the same`);
    await seed.stop();
  }
});

t.test('skopeo copies the image of a layout that has torrents', async (t) => {
  if (!requireTool(t, 'skopeo')) return;
  const place = temporaryDirectory(t);
  const tar = writeTar([{ name: 'file', content: noise(100_000, 'copied') }]);
  const source = buildLayout({ directory: join(place, 'source'), layers: [{ tar }] });
  const layout = join(place, 'layout');
  await runShoal(['convert', '--source', `oci:${source}`, '--target', `oci:${layout}:x`]);
  const copied = join(place, 'copied');
  await runChecked('skopeo', ['copy', '--quiet', `oci:${layout}:x`, `oci:${copied}:x`]);
  await runShoal(['check', '--source', `oci:${source}`, '--target', `oci:${copied}:x`]);
  const shown = await runShoal(['inspect', `oci:${copied}:x`]);
  t.match(shown.stdout, /infohash: [0-9a-f]{40}\n/);
});
