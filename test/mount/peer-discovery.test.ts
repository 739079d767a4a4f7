/** Daemons without a tracker and without a list of seeds find each other by the name of a service. */
import { join } from 'node:path';
import { DnsServer, requireMounts, until } from '@shoal/test-kit';
import t from 'tap';
import { digestBySha256sum, digestOfFile } from '../support/mounted-image.ts';
import { type PeerHost, PeerWorld, peerOf } from '../support/peer-world.ts';

const SERVICE = 'shoal-peers.test';
const SEEDS_SERVICE = 'shoal-seeds.test';

t.setTimeout(300_000);

t.test('three hosts are found by DNS, and have bytes of each other', async (t) => {
  if (!requireMounts(t)) return;
  const dns = await DnsServer.listen(t);
  const names = `service = "${SERVICE}", seeds_service = "${SEEDS_SERVICE}"`;
  const world = await PeerWorld.open(t, {
    files: { only: 4_000_000 },
    discovery: `{ ${names}, interval_seconds = 1, servers = ["${dns.address}"] }`,
  });
  const seed = await world.host('seed', 'seed');
  const peers = [await world.host('a', 'peer'), await world.host('b', 'peer')];
  t.equal((await peerOf(seed)).hosts, 1, 'nobody knows anybody');
  dns.addresses.set('node.test', ['127.0.0.1']);
  dns.services.set(`_shoal._tcp.${SERVICE}`, await Promise.all(peers.map(recordOf)));
  dns.services.set(`_shoal._tcp.${SEEDS_SERVICE}`, [await recordOf(seed)]);
  for (const host of [seed, ...peers]) {
    await until('it knows all', async () => (await peerOf(host)).hosts === 3);
    await until('it has a token', async () => (await peerOf(host)).hasToken);
  }
  for (const host of peers) {
    await host.mount({ reference: world.reference, mountpoint: host.mountpoint('m') });
    const read = await digestBySha256sum(join(host.directory, 'mnt', 'm', 'only'));
    t.equal(read, digestOfFile(join(world.source, 'only')), `${host.name} reads right bytes`);
  }
  const moved = await Promise.all(peers.map(async (host) => (await peerOf(host)).traffic.rack));
  t.ok(
    moved.some((bytes) => bytes > 0),
    'of each other or the seed, whose role its certificate tells',
  );
});

async function recordOf(host: PeerHost): Promise<{ target: string; port: number }> {
  const { address } = (await peerOf(host)).self;
  return { target: 'node.test', port: Number(address.split(':').at(-1)) };
}
