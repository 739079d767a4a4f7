/** Daemons on one machine mount one image, and have each other's bytes instead of the registry's. */
import { join } from 'node:path';
import { requireMounts, until } from '@shoal/test-kit';
import t from 'tap';
import { digestBySha256sum, digestOfFile } from '../support/mounted-image.ts';
import { movedBytes, type PeerHost, PeerWorld, peerOf } from '../support/peer-world.ts';

const FILES = { first: 4_000_000, second: 3_000_000, third: 2_000_000 };

t.setTimeout(300_000);

t.test('three hosts read one image, and the registry sends it once', async (t) => {
  if (!requireMounts(t)) return;
  const world = await PeerWorld.open(t, { files: FILES });
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
  const moved = await Promise.all(hosts.map(async (host) => movedBytes(await peerOf(host))));
  t.comment(`each host has moved ${moved}, the registry has sent ${world.bytesSent} bytes`);
  t.ok(world.bytesSent < 1.2 * Math.max(...moved), 'about what one host needs');
  for (const host of hosts) t.ok((await peerOf(host)).traffic.rack > 0, `${host.name} had peers`);
});
