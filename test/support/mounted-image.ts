/**
 * A test's own image, registry and daemon: a directory of known files, converted and pushed, ready
 * to be mounted. Reads of a lazy mount go through child processes, because the registry (or the
 * gate before it) may run in this one.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ConvertOptions, convertImage } from '@shoal/converter';
import { ControlClient, daemonPaths, ensureDaemon, type StatusAnswer } from '@shoal/node';
import { parseReference } from '@shoal/oci';
import type { MountRequest } from '@shoal/snapshotter';
import { noise, runChecked, runCommand, type TestScope, temporaryDirectory } from '@shoal/test-kit';
import { type OwnDaemon, ownDaemon } from './own-daemon.ts';
import { root } from './source-files.ts';

export const WAIT_MS_MAX = 120_000;
/** A reader may wait for daemons that end and start several times. */
const READ_MS_MAX = 240_000;
// As bin/shoal does it: daemons that tests start directly start in half the time.
process.env['NODE_COMPILE_CACHE'] ??= join(root, 'node_modules', '.cache', 'shoal');

export type MountWorld = {
  readonly directory: string;
  readonly daemon: OwnDaemon;
  readonly client: ControlClient;
  /** Starts the daemon if none runs. */
  start(): Promise<ControlClient>;
  status(): Promise<StatusAnswer>;
  /** A fresh, empty directory. */
  mountpoint(name: string): string;
  /** Starts the daemon if need be and mounts. */
  mount(request: MountRequest): Promise<void>;
};

export type MountWorldOptions = {
  readonly configFile?: string;
  /** Whether the daemon comes back by itself when it dies. @default false */
  readonly isSupervised?: boolean;
};

export function mountWorld(t: TestScope, options: MountWorldOptions = {}): MountWorld {
  const directory = temporaryDirectory(t);
  const daemon = ownDaemon(t, directory);
  const paths = daemonPaths({ root: daemon.root, run: daemon.run });
  const client = new ControlClient(paths.socket);
  const start = () => ensureDaemon({ paths, isSupervised: false, ...options });
  return {
    directory,
    daemon,
    client,
    start,
    status: () => client.status(),
    mountpoint: (name) => {
      const path = join(directory, 'mnt', name);
      mkdirSync(path, { recursive: true });
      return path;
    },
    mount: async (request) => {
      await (await start()).mount({ source: { plainHttp: true }, ...request });
    },
  };
}

/** Writes files of random bytes; the same seed gives the same bytes. */
export function writeFiles(
  directory: string,
  files: Readonly<Record<string, number>>,
  seed = 'seed',
): void {
  for (const [name, length] of Object.entries(files)) {
    mkdirSync(join(directory, name, '..'), { recursive: true });
    writeFileSync(join(directory, name), noise(length, `${seed} ${name}`));
  }
}

/** Converts a directory and pushes it, in this process: starting a command takes a second. */
export async function convertDirectory(
  source: string,
  target: string,
  chunkSizeBytes = 1 << 20,
  compressor: ConvertOptions['compressor'] = 'zstd',
): Promise<void> {
  await convertImage({
    source: parseReference(`dir:${source}`),
    target: parseReference(target),
    client: { plainHttp: true },
    ...{ chunkSizeBytes, compressor },
  });
}

/** sha256 of a file, read by a process of its own. Undefined when the read fails. */
export async function digestBySha256sum(path: string): Promise<string | undefined> {
  const { exitCode, stdout } = await runCommand('sha256sum', [path], { timeoutMs: READ_MS_MAX });
  return exitCode === 0 ? stdout.slice(0, 64) : undefined;
}

export function digestOfFile(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

/** Bytes of a range, read by `dd` past the page cache of this process. */
export async function readRange(path: string, offset: number, length: number): Promise<string> {
  const { stdout } = await runChecked('sh', [
    '-c',
    'dd if="$0" iflag=skip_bytes,count_bytes skip="$1" count="$2" bs=64k status=none | sha256sum',
    path,
    String(offset),
    String(length),
  ]);
  return stdout.slice(0, 64);
}
