/** A mirror among peers whose only home lives, says so, and gives no byte: clients do not wait for it. */
import { parseBlobId } from '@shoal/oci';
import { EmbeddedRegistry } from '@shoal/registry-client/embedded';
import { RegistryProxy } from '@shoal/registry-proxy';
import { noiseBytes, until } from '@shoal/test-kit';
import t from 'tap';
import type { WireServer } from '../../packages/p2p-peer/src/wire/blob-wire.ts';
import { CountingOrigin, PeerCluster } from '../../packages/p2p-peer/test/support/peer-cluster.ts';
import { ask } from '../../packages/registry-proxy/test/support/ask.ts';
import { pushImage } from '../../packages/registry-proxy/test/support/pushed-image.ts';

const CONTENT = noiseBytes(9_000_000, 1);
/** A generous bound: it was ten seconds, and then an error. */
const SOON_MS = 5_000;

t.test('the bytes are those of the registry, and soon', async (t) => {
  const registry = await EmbeddedRegistry.listen();
  t.teardown(() => registry.close());
  const { layer } = await pushImage(`${registry.host}/a/b:v1`, CONTENT);
  const blobId = parseBlobId(layer.digest.slice('sha256:'.length));
  const cluster = await PeerCluster.open(t, new CountingOrigin(new Map([[blobId, CONTENT]])));
  const asked = { blocks: 0 };
  const server: WireServer = {
    serve: () => {
      asked.blocks++;
      return new Promise(() => undefined);
    },
    hashes: (_, __, count) => Array.from({ length: count }, () => undefined),
    onHeld: () => undefined,
    onNeighbours: () => undefined,
  };
  const held = () => [{ start: 0, end: CONTENT.length }];
  const stuck = await cluster.startWire('stuck', { blobBytes: CONTENT.length, server, held });
  const { peer } = await cluster.start('mirror', 'peer', { seeds: [stuck] });
  await until('a token is here', () => peer.status().hasToken);
  const proxy = await RegistryProxy.listen({
    port: 0,
    upstreams: [{ name: 'registry.test', address: `http://${registry.host}` }],
    blobSource: ({ upstream, repository, origin }) =>
      peer.source(origin, `${upstream}/${repository}`, 'believing'),
  });
  t.teardown(() => proxy.close());
  const path = `/v2/a/b/blobs/${layer.digest}`;
  const startMs = performance.now();
  const first = await ask(proxy.host, path, { headers: { range: 'bytes=0-99999' } });
  const tookMs = performance.now() - startMs;
  t.equal(first.status, 206);
  t.ok(first.body.equals(CONTENT.subarray(0, 100_000)));
  t.equal(first.headers['x-shoal-source'], 'origin');
  t.ok(tookMs < SOON_MS, `${Math.round(tookMs)} ms`);
  t.ok(asked.blocks > 0, 'the home was asked');
  const whole = await ask(proxy.host, path);
  t.ok(whole.isWhole && whole.body.equals(CONTENT));
  t.equal(proxy.readsUnderWay, 0);
});
