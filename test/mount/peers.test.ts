/** Daemons on one machine mount one image, and have each other's bytes instead of the registry's. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseManifest } from '@shoal/oci';
import { requireMounts, until } from '@shoal/test-kit';
import t from 'tap';
import { digestBySha256sum, digestOfFile } from '../support/mounted-image.ts';
import { movedBytes, type PeerHost, PeerWorld, peerOf } from '../support/peer-world.ts';

const FILES = { first: 4_000_000, second: 3_000_000, third: 2_000_000 };

t.setTimeout(300_000);

t.test('three hosts read one image, and have bytes of each other', async (t) => {
  if (!requireMounts(t)) return;
  const world = await PeerWorld.open(t, { files: FILES, hasWireLogs: true });
  await world.host('seed', 'seed');
  const hosts = await Promise.all(['a', 'b', 'c'].map((name) => world.host(name, 'peer')));
  for (const host of hosts) {
    await until('it has a token', async () => (await peerOf(host)).hasToken);
    await host.mount({ reference: world.reference, mountpoint: host.mountpoint('m') });
  }
  const read = async (host: PeerHost, file: string) =>
    (await digestBySha256sum(join(host.directory, 'mnt', 'm', file))) ===
    digestOfFile(join(world.source, file));
  t.same(
    await Promise.all(hosts.map((host) => read(host, 'first'))),
    [true, true, true],
    'right bytes for all who read together',
  );
  for (const host of hosts) t.ok(await read(host, 'second'), `${host.name}, one after the other`);
  // How often the registry is asked depends on how busy the machine is: see many-peers.long.ts.
  const moved = await Promise.all(hosts.map(async (host) => movedBytes(await peerOf(host))));
  t.comment(`each host has moved ${moved}, the registry has sent ${world.bytesSent} bytes`);
  t.ok((await fromHosts(hosts)) > 0, 'they had bytes of each other');
  for (const name of ['seed', 'a']) {
    const log = () => readFileSync(world.wireLogOf(name), 'utf8');
    await until('blocks are in the wire log', async () => log().includes('"type":"piece"'));
    const [first = ''] = log().split('\n');
    t.match(JSON.parse(first), { at: /Z$/, direction: /^(?:in|out)$/, type: 'handshake' });
    const tokens = ['seed', 'a', 'b', 'c'].map((each) => world.tokenOf(each).slice(20, 60));
    t.notOk(tokens.some((token) => token.length < 40 || log().includes(token)));
  }
});

t.test('layers that nobody has converted come through the mirror and the peers', async (t) => {
  if (!requireMounts(t)) return;
  const world = await PeerWorld.open(t, { files: FILES });
  await world.host('seed', 'seed');
  const hosts = await Promise.all(['a', 'b', 'c'].map((name) => world.host(name, 'peer')));
  for (const host of hosts) {
    await until('it has a token', async () => (await peerOf(host)).hasToken);
  }
  // To a mirror the blob of a converted image is a layer as any other.
  const digest = await largestLayer(world);
  const pulled = await Promise.all(
    hosts.map(async (host) => {
      const { proxy } = await host.status();
      const query = `ns=${encodeURIComponent(world.registryHost)}`;
      const url = `http://${proxy?.address}/v2/shared/image/blobs/${digest}?${query}`;
      const answer = await fetch(url);
      return Buffer.from(await answer.arrayBuffer());
    }),
  );
  for (const bytes of pulled) {
    t.equal(`sha256:${createHash('sha256').update(bytes).digest('hex')}`, digest);
  }
  const size = pulled[0]?.length ?? 0;
  t.comment(`${world.bytesSent} bytes sent for a layer of ${size} that three hosts have pulled`);
  t.ok((await fromHosts(hosts)) > 0, 'they had bytes of each other');
});

async function largestLayer({ reference, registryHost }: PeerWorld): Promise<string> {
  const { pathname } = new URL(`http://${reference}`);
  const name = pathname.slice(1).replace(/:latest$/, '');
  const answer = await fetch(`http://${registryHost}/v2/${name}/manifests/latest`);
  const manifest = parseManifest(Buffer.from(await answer.arrayBuffer()));
  const layers = 'layers' in manifest ? manifest.layers : [];
  return layers.toSorted((a, b) => b.size - a.size)[0]?.digest ?? '';
}

async function fromHosts(hosts: readonly PeerHost[]): Promise<number> {
  const all = await Promise.all(hosts.map(async (host) => (await peerOf(host)).traffic.rack));
  return all.reduce((sum, bytes) => sum + bytes, 0);
}
