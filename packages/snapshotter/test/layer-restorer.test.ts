/** Layers fetched after all: once for all who ask, whole or not at all, and again after a crash. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseReference, sha256Digest } from '@shoal/oci';
import { openSource, openTarget, readDocument } from '@shoal/registry-client';
import { EmbeddedRegistry } from '@shoal/registry-client/embedded';
import { buildLayout, requireRoot, temporaryDirectory, writeTar } from '@shoal/test-kit';
import t from 'tap';
import { LayerRestorer } from '../src/images/layer-restorer.ts';
import { encodeMark } from '../src/images/lazy-mark.ts';
import { silentLog } from '../src/service-log.ts';

const CLIENT = { plainHttp: true };
type Tap = Parameters<typeof temporaryDirectory>[0];

async function prepared(t: Tap) {
  const directory = temporaryDirectory(t);
  const layout = join(directory, 'layout');
  buildLayout({ directory: layout, layers: [{ tar: writeTar([{ name: 'f', content: 'text' }]) }] });
  const registry = await EmbeddedRegistry.listen();
  t.teardown(() => registry.close());
  await using source = await openSource(parseReference(`oci:${layout}:latest`), CLIENT);
  await using target = await openTarget(parseReference(`${registry.host}/app:x`), CLIENT);
  const top = await source.resolve();
  const document = await readDocument(source, top);
  if (document.kind !== 'manifest') throw new Error('one image');
  const [layer] = document.layers;
  if (layer === undefined) throw new Error('one layer');
  for (const descriptor of [layer, document.config]) {
    const writer = await target.openBlobWriter();
    for await (const piece of await source.readBlob(descriptor)) await writer.write(piece);
    await writer.commit(descriptor);
  }
  await target.writeManifest(await source.readManifest(top), top.mediaType);
  const place = join(directory, 'snapshot');
  mkdirSync(join(place, 'fs'), { recursive: true });
  const snapshot = (layerDigest = layer.digest) => ({
    ...{ id: 1, name: 'default/1/x', labels: {}, directory: place },
    mark: encodeMark({
      ...{ kind: 'absent', repository: `${registry.host}/app`, layerDigest },
      ...{ manifestDigest: top.digest, convertedDigest: top.digest },
    }),
  });
  let opened = 0;
  const open = (reference: string) => {
    opened += 1;
    return openSource(parseReference(reference), CLIENT);
  };
  const restorer = new LayerRestorer({ open, log: silentLog });
  t.teardown(() => restorer.close());
  return { restorer, snapshot, place, registry, opened: () => opened };
}

t.test('once for all who ask, and never again', async (t) => {
  if (!requireRoot(t)) return;
  const { restorer, snapshot, place, opened, registry } = await prepared(t);
  t.same(await restorer.usageOf(snapshot()), { size: 0, inodes: 0 });
  await Promise.all([1, 2, 3].map(() => restorer.restore([snapshot()])));
  t.equal(opened(), 1);
  t.equal(readFileSync(join(place, 'fs/f'), 'utf8'), 'text');
  t.match(await restorer.usageOf(snapshot()), { inodes: 2 });
  await registry.close();
  await restorer.restore([snapshot()]);
  t.equal(opened(), 1);
});

t.test('what a crash left is made anew', async (t) => {
  if (!requireRoot(t)) return;
  const { restorer, snapshot, place } = await prepared(t);
  mkdirSync(join(place, 'fs.new'));
  writeFileSync(join(place, 'fs.new/half'), '');
  writeFileSync(join(place, 'fs/half'), '');
  await restorer.restore([snapshot()]);
  t.notOk(existsSync(join(place, 'fs/half')));
  t.ok(existsSync(join(place, 'fs/f')));
});

t.test('what the manifest does not name is not fetched', async (t) => {
  const { restorer, snapshot } = await prepared(t);
  const other = sha256Digest(Buffer.from('other'));
  await t.rejects(restorer.restore([snapshot(other)]), { code: 'ERR_SNAPSHOTTER_LAYER_ABSENT' });
});

t.test('a failure is not remembered', async (t) => {
  if (!requireRoot(t)) return;
  const { restorer, snapshot, place } = await prepared(t);
  rmSync(place, { recursive: true });
  await t.rejects(restorer.restore([snapshot()]));
  mkdirSync(join(place, 'fs'), { recursive: true });
  await restorer.restore([snapshot()]);
  t.ok(existsSync(join(place, 'fs/f')));
});
