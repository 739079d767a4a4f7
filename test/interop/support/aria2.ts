/** The BitTorrent client `aria2c`, beside a test: seeds or fetches what a `.torrent` file names. */
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { listenOnLoopback, type TestScope } from '@shoal/test-kit';
import { OwnProgram } from '../../support/own-program.ts';

export type Aria2Task = {
  /** Where the file of the torrent is, or will be. */
  readonly directory: string;
  readonly torrent: string;
  /** The tracker's address for announces. */
  readonly tracker: string;
  readonly does: 'seed' | 'fetch';
};

/** Starts it; it ends with the test, and by itself once it has fetched everything. */
export async function startAria2(t: TestScope, task: Aria2Task): Promise<OwnProgram> {
  const logFile = join(task.directory, `aria2-${task.does}.log`);
  writeFileSync(logFile, '');
  const own = ['--enable-dht=false', '--enable-dht6=false', '--bt-enable-lpd=false', '--no-conf'];
  const aria2 = new OwnProgram({
    name: `aria2c (${task.does})`,
    program: 'aria2c',
    args: [
      ...own,
      ...['--disable-ipv6=true', '--enable-peer-exchange=false', '--console-log-level=info'],
      ...['--file-allocation=none', '--check-integrity=true', '--allow-overwrite=true'],
      ...(task.does === 'seed' ? ['--seed-ratio=0.0'] : ['--seed-time=0']),
      ...['--bt-tracker-interval=1', `--bt-tracker=${task.tracker}`],
      ...[`--listen-port=${await freePort()}`, `--dir=${task.directory}`, task.torrent],
    ],
    env: process.env,
    logFile,
  });
  t.teardown(() => aria2.stop('SIGKILL'));
  await aria2.start(() => aria2.log() !== '');
  return aria2;
}

/** aria2c takes no 0; nobody else asks the kernel for this one so soon. */
async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listenOnLoopback(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}
