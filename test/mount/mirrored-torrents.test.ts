/**
 * Layers of an ordinary image that a host has pulled through its mirror: nobody has converted it, nothing is mounted,
 * and aria2c gets them from the host's plain port by torrents that the host has made. After a restart, too.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { requireMounts, requireTool, until } from '@shoal/test-kit';
import t from 'tap';
import { infohashOf } from '../support/layer-torrent.ts';
import { PeerNetwork } from '../support/peer-network.ts';
import { peerOf } from '../support/peer-world.ts';
import { pull, pushPlainImage, REPOSITORY } from '../support/pull-together.ts';
import { fetchWith, magnetOf, startNetworkTracker } from '../support/standard-clients.ts';

t.setTimeout(300_000);

const LAYERS = 3;
const LAYER_BYTES = 3_000_000;

t.test('aria2c fetches a layer that the mirror has passed on', async (t) => {
  const tools = ['docker-registry', 'nsenter', 'aria2c', 'skopeo'] as const;
  if (!requireMounts(t) || !requireTool(t, ...tools)) return;
  const network = await PeerNetwork.open(t, { files: {}, megabits: 1000 });
  const repository = `${network.registryHost}/${REPOSITORY}`;
  const announce = await startNetworkTracker(network, repository);
  const layers = await pushPlainImage(network, { layers: LAYERS, layerBytes: LAYER_BYTES });
  const more = ['plain_listen = "0.0.0.0:4011"'];
  const host = await network.add('a', 'peer', { isMirror: true, more });
  await pull(host, join(network.homeOf('a'), 'pulled'));
  const offered = async () => {
    const { plain } = await peerOf(host);
    return (plain?.blobs ?? []).filter((blob) => layers.includes(blob.blobId));
  };

  for (const run of ['at first', 'after a restart']) {
    await until(`all layers are offered ${run}`, async () => (await offered()).length === LAYERS);
    const found = await offered();
    t.ok(
      found.every((blob) => blob.heldBytes === blob.sizeBytes && blob.repository === repository),
    );
    const [layer] = found;
    const { blobId = '', infohash = '' } = layer ?? {};
    const directory = join(network.homeOf(`client ${run}`), 'fetched');
    const magnet = magnetOf(infohash, announce);
    const before = (await peerOf(host)).plain?.bytesSent ?? 0;
    await fetchWith(t, await network.addMachine(), { client: 'aria2', magnet, directory });
    const bytes = readFileSync(join(directory, blobId));
    t.equal(createHash('sha256').update(bytes).digest('hex'), blobId, `it has it ${run}`);
    t.equal(infohashOf(bytes), infohash, 'by the torrent that a conversion would have made');
    t.ok(((await peerOf(host)).plain?.bytesSent ?? 0) - before >= bytes.length);
    if (run !== 'at first') break;
    await host.program.stop('SIGTERM');
    await host.program.start(
      async () => (await peerOf(host).catch(() => undefined))?.hasToken === true,
    );
  }
});
