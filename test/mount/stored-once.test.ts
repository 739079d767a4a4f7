/** Chunks that are stored uncompressed lie once on the disk of a host that mounts them and shares them. */
import { join } from 'node:path';
import { requireMounts, runChecked, until } from '@shoal/test-kit';
import t from 'tap';
import { killDaemon } from '../support/image-world.ts';
import { digestBySha256sum, digestOfFile } from '../support/mounted-image.ts';
import { type PeerHost, PeerWorld, peerOf } from '../support/peer-world.ts';

const FILES = {
  large: 9_000_000,
  middle: 1_500_001,
  ...Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`small-${at}`, 20_000 + 777 * at])),
};
const FILE_BYTES = Object.values(FILES).reduce((sum, bytes) => sum + bytes, 0);
/** Blocks that chunks share with each other, maps, digests, the index. */
const REST_BYTES = 600_000;

t.setTimeout(300_000);

t.test('shared from where the mount has it, also after a crash, until it is gone', async (t) => {
  if (!requireMounts(t)) return;
  const world = await PeerWorld.open(t, { files: FILES, compressor: 'none' });
  const first = await world.host('first', 'seed');
  await mountAndRead(world, first);
  await until(
    'the bytes lie there once',
    async () => (await diskBytes(first)) < FILE_BYTES + REST_BYTES,
  );
  t.comment(`${await diskBytes(first)} bytes on the disk for files of ${FILE_BYTES}`);
  t.ok((await diskBytes(first)) >= FILE_BYTES, 'all of them');
  const told = await peerOf(first);
  t.ok(told.store.bytes < REST_BYTES, 'the store has no copy');
  t.ok(told.store.bytesLent >= FILE_BYTES, 'and shares what the cache has');

  let sent = world.bytesSent;
  const second = await world.host('second', 'peer');
  await mountAndRead(world, second);
  t.ok((await peerOf(second)).traffic.rack >= FILE_BYTES, 'another host has all of it from there');
  t.ok(world.bytesSent - sent < REST_BYTES, 'and nearly nothing from the registry');
  await killDaemon(second);

  await killDaemon(first);
  await first.start();
  await world.tellSeed(first);
  t.same(await digestsOf(first), expected(world), 'every byte is right after a crash');
  sent = world.bytesSent;
  const third = await world.host('third', 'peer');
  await mountAndRead(world, third);
  t.comment(`after the crash ${(await peerOf(third)).traffic.rack} from the host`);
  t.ok((await peerOf(third)).traffic.rack >= FILE_BYTES, 'and is shared again');
  // What shows that the blob is in the repository, which is asked again after a restart.
  t.ok(world.bytesSent - sent < FILE_BYTES / 2);
  await killDaemon(third);

  await first.client.unmount({ mountpoint: first.mountpoint('m') });
  const fourth = await world.host('fourth', 'peer');
  await mountAndRead(world, fourth);
  t.ok((await peerOf(fourth)).traffic.rack >= FILE_BYTES, 'also what nobody mounts there');
  await killDaemon(fourth);

  await first.client.collectCaches({ takesAll: true });
  t.ok((await diskBytes(first)) < REST_BYTES * 8, 'the cache is empty');
  const fifth = await world.host('fifth', 'peer');
  await mountAndRead(world, fifth);
});

async function mountAndRead(world: PeerWorld, host: PeerHost): Promise<void> {
  await until('it has a token', async () => (await peerOf(host)).hasToken);
  await host.mount({ reference: world.reference, mountpoint: host.mountpoint('m') });
  t.same(await digestsOf(host), expected(world), `${host.name} reads what was converted`);
}

async function digestsOf(host: PeerHost): Promise<readonly (string | undefined)[]> {
  const found: (string | undefined)[] = [];
  for (const name of Object.keys(FILES)) {
    found.push(await digestBySha256sum(join(host.directory, 'mnt', 'm', name)));
  }
  return found;
}

function expected(world: PeerWorld): readonly string[] {
  return Object.keys(FILES).map((name) => digestOfFile(join(world.source, name)));
}

/** What the cache and the store of a host take. */
async function diskBytes({ daemon }: PeerHost): Promise<number> {
  const paths = ['cache', 'peer'].map((name) => join(daemon.root, name));
  const { stdout } = await runChecked('du', ['--block-size=1', '--summarize', '--total', ...paths]);
  return Number.parseInt(stdout.trim().split('\n').at(-1) ?? '', 10);
}
