/** Torrents that nobody insists on: what cannot be made or published costs a warning, and no transfer. */
import { parseReference } from '@shoal/oci';
import { buildLayout, FaultProxy, noise, temporaryDirectory, writeTar } from '@shoal/test-kit';
import t from 'tap';
import { checkImages, convertImage } from '../src/index.ts';
import { torrentsOf } from './support/published-torrents.ts';
import { CountedRegistry, noiseLayout } from './support/test-images.ts';

t.setTimeout(200_000);
const MIB = 1 << 20;
const LAYERS = [
  ['base', 3 * MIB],
  ['top', 100],
] as const;

t.test('a target that takes none costs a warning', async (t) => {
  const place = temporaryDirectory(t);
  const registry = await CountedRegistry.listen(t);
  const source = noiseLayout(`${place}/in`, LAYERS);
  const proxy = await FaultProxy.listen(t, registry.registry.host);
  const target = parseReference(`${proxy.host}/app:x`);
  proxy.inject({
    fault: { kind: 'status', status: 400 },
    matches: ({ method, url = '' }) => method === 'PUT' && url.includes('/manifests/sha256:'),
  });
  const refused = await convertImage({ source, target, torrent: 'if-possible' });
  t.equal(refused.warnings.length, 1);
  t.match(refused.warnings[0], /^the torrents were not published: .*400/);
  t.same(await registry.tags('app'), ['x']);
  t.same((await checkImages({ source, target })).differences, []);
  t.equal((await torrentsOf(`${proxy.host}/app:x`, refused.digest)).size, 0);
  proxy.heal();
  const whole = await convertImage({ source, target, torrent: 'if-possible' });
  t.same([whole.warnings, whole.digest], [[], refused.digest], 'it is the same image');
  t.equal((await torrentsOf(`${proxy.host}/app:x`, whole.digest)).size, 2);
  const abort = new AbortController();
  await t.rejects(
    convertImage({
      ...{ source, target, torrent: 'if-possible', signal: abort.signal },
      onProgress: (event) => {
        if (event.kind === 'step' && event.text === 'publishing') abort.abort(new Error('enough'));
      },
    }),
    /enough|abort/i,
    'an interruption is none',
  );
});

t.test('nothing is fetched from a registry for torrents', async (t) => {
  const place = temporaryDirectory(t);
  const registry = await CountedRegistry.listen(t);
  const source = noiseLayout(`${place}/in`, [['base', 3 * MIB]]);
  const run = async (
    target: ReturnType<typeof parseReference>,
    torrent: boolean | 'if-possible',
  ) => {
    const directory = `${place}/cache-${target.kind}`;
    registry.take();
    const buildCache = { kind: 'directory', path: directory } as const;
    const report = await convertImage({ source, target, torrent, buildCache });
    const infohash = report.manifests[0]?.layers[0]?.infohash;
    return { infohash, warnings: report.warnings, bytesOut: registry.take().bytesOut };
  };
  const far = registry.reference('app:x');
  await run(far, false);
  const without = await run(far, 'if-possible');
  t.ok(without.bytesOut < MIB, `${without.bytesOut} bytes read`);
  t.equal(without.infohash, undefined);
  t.match(without.warnings, [/^1 blobs have no torrent: .*--torrent reads 4 MB/]);
  t.match(await run(far, true), { infohash: /^[0-9a-f]{40}$/, warnings: [] });
  const kept = await run(far, 'if-possible');
  t.match(kept, { infohash: /^[0-9a-f]{40}$/, warnings: [] }, 'the hashes were kept');
  t.ok(kept.bytesOut < MIB);
  const near = parseReference(`oci:${place}/near:x`);
  await run(near, false);
  t.match(await run(near, 'if-possible'), { infohash: kept.infohash, warnings: [] });
});

t.test('blobs of a chunk dictionary in a registry', async (t) => {
  const place = temporaryDirectory(t);
  const registry = await CountedRegistry.listen(t);
  const source = noiseLayout(`${place}/dict`, [['lib', 3 * MIB]]);
  const tar = writeTar([
    { name: 'copy', content: noise(3 * MIB, 'lib') },
    { name: 'own', content: noise(9, '') },
  ]);
  buildLayout({ directory: `${place}/app`, layers: [{ tar }] });
  const app = parseReference(`oci:${place}/app:latest`);
  for (const [tag, torrent, count] of [
    ['with', true, 2],
    ['without', false, 1],
  ] as const) {
    const dict = registry.reference(`dict:${tag}`);
    await convertImage({ source, target: dict, torrent });
    const target = registry.reference(`app:${tag}`);
    registry.take();
    const options = { source: app, target, chunkDicts: [dict], torrent: 'if-possible' } as const;
    const { digest, warnings } = await convertImage(options);
    t.ok(registry.take().bytesOut < MIB);
    t.equal(warnings.length, 2 - count, warnings.join());
    t.equal((await torrentsOf(`${registry.registry.host}/app:${tag}`, digest)).size, count);
  }
});
