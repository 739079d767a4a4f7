/**
 * Standard BitTorrent clients and real daemons, each on a machine of its own, introduced by `shoal tracker`:
 * clients fetch from a daemon's plain port, and a daemon whose registry is gone reads from a client.
 */
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { requireMounts, requireTool, until } from '@shoal/test-kit';
import t from 'tap';
import { digestBySha256sum, digestOfFile } from '../support/mounted-image.ts';
import { PeerNetwork } from '../support/peer-network.ts';
import { peerOf } from '../support/peer-world.ts';
import {
  CLIENT_NAMES,
  type ClientName,
  fetchWith,
  hasLibtorrent,
  magnetOf,
  startClient,
  startNetworkTracker,
} from '../support/standard-clients.ts';

t.setTimeout(600_000);

const FILES = { small: 1000, first: 6_000_000, second: 5_000_000 };
const PLAIN = ['plain_listen = "0.0.0.0:4011"'];

t.test('clients fetch from a daemon, and a daemon from clients', async (t) => {
  if (
    !requireMounts(t) ||
    !requireTool(t, 'docker-registry', 'nsenter', 'aria2c', 'transmission-cli')
  )
    return;
  if (!(await hasLibtorrent())) {
    requireTool(t, 'python3-libtorrent');
    return;
  }
  const network = await PeerNetwork.open(t, { files: FILES, megabits: 1000, hasTorrents: true });
  const repository = network.reference.replace(/:latest$/, '');
  const announce = await startNetworkTracker(network, repository);
  const right = async (mountpoint: string, file: string) =>
    (await digestBySha256sum(join(mountpoint, file))) === digestOfFile(join(network.source, file));

  const host = await network.add('a', 'peer', { more: PLAIN });
  await host.mount();
  for (const file of Object.keys(FILES)) t.ok(await right(host.mountpoint, file), file);
  const plainOf = async () => (await peerOf(host)).plain;
  await until('its blob is offered, all of it', async () => {
    const blob = (await plainOf())?.blobs[0];
    return blob !== undefined && blob.heldBytes === blob.sizeBytes;
  });
  const [blob] = (await plainOf())?.blobs ?? [];
  const { infohash = '', blobId = '' } = blob ?? {};
  const magnet = magnetOf(infohash, announce);
  const fetched = (client: string) => join(network.homeOf(client), 'fetched');
  // What libtorrent has got by the magnet link; the command line of Transmission 3.00 does not begin with one.
  const torrentFor = (client: ClientName) =>
    client === 'transmission' ? `${fetched('libtorrent')}.torrent` : undefined;
  for (const client of CLIENT_NAMES) {
    const task = { client, magnet, directory: fetched(client), torrent: torrentFor(client) };
    await fetchWith(t, await network.addMachine(), task);
    const { directory } = task;
    const bytes = readFileSync(join(directory, blobId));
    t.equal(createHash('sha256').update(bytes).digest('hex'), blobId, `${client} has fetched it`);
  }
  t.ok(((await plainOf())?.bytesSent ?? 0) > 0, 'the daemon has given them bytes');

  await host.program.stop('SIGTERM');
  for (const client of CLIENT_NAMES) {
    const directory = join(network.homeOf(client), 'seeded');
    mkdirSync(directory, { recursive: true });
    copyFileSync(join(fetched(client), blobId), join(directory, blobId));
    const wireLog = join(network.homeOf(client), 'wire.log');
    const more = [...PLAIN, 'plain_fetch = true', `wire_log = "${wireLog}"`];
    const reader = await network.add(`reads-${client}`, 'peer', { more });
    await reader.mount();
    t.ok(await right(reader.mountpoint, 'small'), 'the registry gives what is read first');
    const seeding = await startClient(t, await network.addMachine(), {
      ...{ client, does: 'seed', magnet, directory },
      torrent: client === 'aria2' ? undefined : `${fetched('libtorrent')}.torrent`,
    });
    // A client that finds no others by its first announce does so by a later one.
    await until('they have met', async () => (await peerOf(reader)).wires > 0);
    await network.registry.part();
    for (const file of Object.keys(FILES)) t.ok(await right(reader.mountpoint, file), file);
    const { traffic } = await peerOf(reader);
    t.ok(traffic.other > 1_000_000, `${client} has given ${traffic.other} bytes`);
    await network.registry.join();
    await seeding.stop('SIGKILL');
    await reader.program.stop('SIGTERM');
    const lines = readFileSync(wireLog, 'utf8');
    t.match(lines, /"direction":"in".*"type":"piece"/, 'whoever has dialled, it is in the log');
  }
});
