/** Metrics of daemons that share, one of them read through its mirror: what a scrape says of peers and requests. */
import { join } from 'node:path';
import { parseManifest } from '@shoal/oci';
import { requireTool, runChecked, until } from '@shoal/test-kit';
import t from 'tap';
import { type PeerHost, PeerWorld, peerOf } from '../support/peer-world.ts';

t.setTimeout(180_000);

async function scrape({ daemon }: PeerHost): Promise<(name: string) => number> {
  const socket = join(daemon.run, 'shoal.sock');
  const asked = ['-sf', '--unix-socket', socket, 'http://shoal/metrics'];
  const { stdout } = await runChecked('curl', asked);
  t.notMatch(stdout, /shared\/image|127\.0\.0\.1/, 'no names in labels');
  const lines = new Map(stdout.split('\n').map((line) => splitLast(line)));
  return (name) => lines.get(name) ?? Number.NaN;
}

function splitLast(line: string): [string, number] {
  const at = line.lastIndexOf(' ');
  return [line.slice(0, at), Number(line.slice(at + 1))];
}

t.test('a layer through the mirror of one host, from another', async (t) => {
  if (!requireTool(t, 'curl')) return;
  const world = await PeerWorld.open(t, { files: { a: 3_000_000 } });
  const seed = await world.host('seed', 'seed');
  const reader = await world.host('reader', 'peer');
  for (const host of [seed, reader]) {
    await until('it has a token', async () => (await peerOf(host)).hasToken);
  }
  const { proxy } = await reader.status();
  const from = `http://${proxy?.address}/v2/shared/image`;
  const query = `ns=${encodeURIComponent(world.registryHost)}`;
  const manifest = await fetch(`${from}/manifests/latest?${query}`);
  const manifestBytes = Buffer.from(await manifest.arrayBuffer());
  const { layers = [] } = parseLayers(manifestBytes);
  const largest = layers.toSorted((one, other) => other.size - one.size)[0];
  const size = largest?.size ?? 0;
  for (let time = 1; time <= 2; time++) {
    const answer = await fetch(`${from}/blobs/${largest?.digest}?${query}`);
    t.equal((await answer.arrayBuffer()).byteLength, size);
    await until('it is held', async () => (await peerOf(reader)).store.bytesSettled >= size);
  }
  t.equal((await fetch(`${from}/manifests/none?${query}`)).status, 404);

  const read = await scrape(reader);
  const sum = (name: string, labels: readonly string[]) =>
    labels.reduce((total, label) => total + read(`${name}{${label}}`), 0);
  const bytes = (source: string) =>
    sum(
      'shoal_peer_bytes_total',
      ['demand', 'preheat', 'prefetch', 'background'].map(
        (cause) => `source="${source}",cause="${cause}"`,
      ),
    );
  t.equal(bytes('rack') + bytes('origin'), size, 'each byte once');
  t.ok(bytes('rack') > 0, 'of the host of this rack');
  t.equal(bytes('zone') + bytes('other'), 0);
  // Parts of the mirror may be smaller than pieces, which are read whole.
  t.ok(bytes('store') >= size, 'the second time');
  const answered = read('shoal_peer_blocks_total{outcome="answered"}');
  t.ok(answered > 0);
  t.equal(read('shoal_peer_block_duration_seconds_count{distance="rack"}'), answered);
  t.ok(read('shoal_peer_blocks_asked_total{reason="home"}') > 0);
  t.equal(read('shoal_peer_bans_total{offence="lied"}'), 0);
  t.equal(read('shoal_proxy_requests_total{route="blobs",outcome="served"}'), 2);
  t.equal(read('shoal_proxy_requests_total{route="manifests",outcome="served"}'), 1);
  t.equal(read('shoal_proxy_requests_total{route="manifests",outcome="missing"}'), 1);
  t.ok(read('shoal_proxy_bytes_total{source="peer"}') > 0);
  t.ok(read('shoal_proxy_bytes_total{source="cache"}') >= size, 'the second time');
  t.equal(
    sum('shoal_proxy_bytes_total', ['source="peer"', 'source="cache"', 'source="upstream"']),
    2 * size + manifestBytes.length,
    'every byte was of somewhere',
  );
  t.equal(read('shoal_proxy_stale_answers_total'), 0);

  const home = await scrape(seed);
  t.ok(home('shoal_peer_home_reads_total{outcome="done"}') > 0);
  t.ok(home('shoal_peer_home_bytes_total') >= bytes('rack'), 'what it read for the other');
  t.ok(home('shoal_peer_uploaded_bytes_total') >= bytes('rack'));
});

function parseLayers(bytes: Buffer): {
  readonly layers?: readonly { digest: string; size: number }[];
} {
  const manifest = parseManifest(bytes);
  return 'layers' in manifest ? manifest : {};
}
