/** Standard BitTorrent clients of Debian on machines of a network, and the tracker that introduces them. */
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand, type TestScope, until } from '@shoal/test-kit';
import type { NetworkHost } from './host-network.ts';
import { OwnProgram } from './own-program.ts';
import type { PeerNetwork } from './peer-network.ts';
import { transmissionCommand } from './transmission-client.ts';

export const CLIENT_NAMES = ['aria2', 'libtorrent', 'transmission'] as const;
export type ClientName = (typeof CLIENT_NAMES)[number];

export type ClientTask = {
  readonly client: ClientName;
  readonly does: 'fetch' | 'seed';
  readonly magnet: string;
  /** Copied to beside the directory for those who need one. @default what the magnet link leads to */
  readonly torrent?: string | undefined;
  /** Where the file is, or will be. */
  readonly directory: string;
};

const PLAIN_PORT = 6969;
const CLIENT_PORT = 6881;
export const PLAIN_TOKEN = 'token-of-standard-clients';
/** Debian's own: another Python in PATH does not have its modules. */
const PYTHON = '/usr/bin/python3';

/** Whether Debian's module is there. */
export async function hasLibtorrent(): Promise<boolean> {
  return (await runCommand(PYTHON, ['-c', 'import libtorrent'])).exitCode === 0;
}

/**
 * `shoal tracker` on a machine of its own, which hosts that come later know. Gives the address to which standard
 * clients announce, with the token that they have to show.
 */
export async function startNetworkTracker(
  network: PeerNetwork,
  publicRule: string,
): Promise<string> {
  const name = 'tracker-0';
  const home = network.homeOf(name);
  mkdirSync(home);
  const tokenFile = join(home, 'plain-token');
  writeFileSync(tokenFile, `${PLAIN_TOKEN}\n`, { mode: 0o600 });
  const plainAt = (address: string) => `${address}:${PLAIN_PORT}`;
  const tracker = await network.addTracker(name, (address) => [
    ...['--plain-listen', plainAt(address)],
    ...['--public', publicRule, '--plain-token', tokenFile],
  ]);
  return `http://${plainAt(tracker.network.address)}/announce?token=${PLAIN_TOKEN}`;
}

/** What clients are given in place of a torrent: they have that from whoever they meet. */
export function magnetOf(infohash: string, announce: string): string {
  return `magnet:?xt=urn:btih:${infohash}&tr=${encodeURIComponent(announce)}`;
}

/** It ends with the test, and by itself once it has fetched everything. */
export async function startClient(
  t: TestScope,
  machine: NetworkHost,
  task: ClientTask,
): Promise<OwnProgram> {
  const { client, does, directory, torrent } = task;
  mkdirSync(directory, { recursive: true });
  if (torrent !== undefined) copyFileSync(torrent, `${directory}.torrent`);
  const logFile = `${directory}.log`;
  writeFileSync(logFile, '');
  const [program = '', ...launcher] = machine.launcher;
  const args = [...launcher, ...(await argumentsOf(machine, task))];
  const name = `${client} (${does})`;
  const started = new OwnProgram({ name, program, args, env: process.env, logFile });
  t.teardown(() => started.stop('SIGKILL'));
  await started.start(() => started.log() !== '');
  return started;
}

/** Fetches all of it; throws what the client has said when it ends without. */
export async function fetchWith(
  t: TestScope,
  machine: NetworkHost,
  task: Omit<ClientTask, 'does'>,
): Promise<void> {
  const client = await startClient(t, machine, { ...task, does: 'fetch' });
  try {
    await until(`${task.client} has fetched it`, () => client.pid === undefined);
  } catch (error) {
    throw new Error(client.log().slice(-8000), { cause: error });
  }
}

async function argumentsOf(machine: NetworkHost, task: ClientTask): Promise<readonly string[]> {
  const { client, does, magnet, directory } = task;
  if (client === 'transmission') {
    return await transmissionCommand({ ...task, address: machine.address, port: CLIENT_PORT });
  }
  const listen = `${machine.address}:${CLIENT_PORT}`;
  if (client === 'libtorrent') {
    const script = join(import.meta.dirname, 'libtorrent-client.py');
    return [PYTHON, script, does, magnet, directory, listen];
  }
  return [
    ...['aria2c', '--no-conf=true', '--enable-dht=false', '--enable-dht6=false'],
    ...['--bt-enable-lpd=false', '--enable-peer-exchange=false', '--disable-ipv6=true'],
    ...['--file-allocation=none', '--console-log-level=info', `--listen-port=${CLIENT_PORT}`],
    ...['--check-integrity=true', '--allow-overwrite=true', '--bt-tracker-interval=2'],
    ...(does === 'seed' ? ['--seed-ratio=0.0', '--bt-hash-check-seed=true'] : ['--seed-time=0']),
    ...[`--dir=${directory}`, magnet],
  ];
}
