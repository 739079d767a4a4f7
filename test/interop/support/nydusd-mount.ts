/** Mounts a bootstrap with the real nydusd over FUSE, from a registry or from a directory of blobs. */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stripVTControlCharacters } from 'node:util';
import { type ListTreeOptions, runCommand, type TestScope } from '@shoal/test-kit';

export type NydusBackend =
  | { readonly type: 'localfs'; readonly directory: string }
  | {
      readonly type: 'registry';
      /** @default 'http' */
      readonly scheme?: 'http' | 'https';
      readonly host: string;
      readonly repository: string;
      /** `host:port` that is asked in its place. @default nobody */
      readonly mirror?: string;
      /** Without it the mirror is asked only what comes with credentials. @default true */
      readonly authThrough?: boolean;
      /** What it asks in place of everybody. @default nobody */
      readonly proxy?: NydusProxy;
      /** `user:password`. @default nobody's */
      readonly credentials?: string;
    };

/** A forward proxy, as nydusd has it. */
export type NydusProxy = {
  /** `host:port`. */
  readonly host: string;
  /** What the proxy does not give it asks the others for. */
  readonly fallback: boolean;
  /** Asked every second whether the proxy is well; without it always. */
  readonly pingUrl?: string;
  /** Asks by http for what is named https. @default false */
  readonly useHttp?: boolean;
};

export type NydusdOptions = {
  /** Path of the nydusd program. */
  readonly program: string;
  readonly bootstrap: string;
  readonly backend: NydusBackend;
  /** An empty directory for configuration, cache and mountpoint. */
  readonly directory: string;
  /** What an image lists as first. @default false */
  readonly prefetches?: boolean;
};

/**
 * How its mounts are listed. A LOOKUP tells the kernel a file's number within the image, READDIRPLUS and GETATTR that
 * with the number of the image in the highest byte (fuse-backend-rs 0.10): which of them `stat` shows hangs on what
 * the kernel has asked last, and it asks anew when memory is short or somebody drops the caches of the machine.
 */
export const NYDUSD_LISTING = {
  inodeOf: (number: bigint) => BigInt.asUintN(56, number),
} satisfies ListTreeOptions;

const START_MS_MAX = 60_000;

/** Of nydusd's log, what a failure tells: CI keeps the end of an output only. */
const LOG_LINES_MAX = 30;
/** What it says of every mount. */
const LOG_NOISE = /\bINFO\b(?!.*recovered)|^ *(?:in|out)_opts:|RUST_BACKTRACE/;

/** A test that knows whether it has failed so far. */
type MountScope = TestScope & { passing?(): boolean };

/**
 * Starts nydusd and returns the mountpoint; the end of the test unmounts and ends it, and tells what nydusd has
 * logged where the test has failed.
 */
export async function mountWithNydusd(t: MountScope, options: NydusdOptions): Promise<string> {
  const mountpoint = join(options.directory, 'mount');
  const cache = join(options.directory, 'cache');
  for (const path of [mountpoint, cache]) mkdirSync(path, { recursive: true });
  const config = join(options.directory, 'nydusd.json');
  writeFileSync(config, JSON.stringify(configuration(options, cache)));
  const log: Buffer[] = [];
  const child = spawn(
    options.program,
    [
      'fuse',
      ...['--config', config, '--bootstrap', options.bootstrap, '--mountpoint', mountpoint],
      ...['--log-level', 'info', '--rlimit-nofile', '0'],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  child.stdout.on('data', (bytes: Buffer) => log.push(bytes));
  child.stderr.on('data', (bytes: Buffer) => log.push(bytes));
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  t.teardown(async () => {
    await runCommand('umount', ['-l', mountpoint]);
    child.kill('SIGKILL');
    await ended;
    if (t.passing?.() === false) t.comment(`nydusd at ${mountpoint}: ${complaintsIn(log)}`);
  });
  for (const endsAt = Date.now() + START_MS_MAX; Date.now() < endsAt; await sleep(50)) {
    if (isMountpoint(mountpoint)) return mountpoint;
    if (child.exitCode !== null || child.signalCode !== null) break;
  }
  throw new Error(`nydusd did not mount:\n${Buffer.concat(log).toString()}`);
}

function configuration({ backend, prefetches = false }: NydusdOptions, cache: string) {
  const part =
    backend.type === 'localfs'
      ? { type: 'localfs', config: { dir: backend.directory } }
      : { type: 'registry', config: registryConfiguration(backend) };
  return {
    device: {
      backend: part,
      // It verifies nothing: this version of its configuration cannot ask for that, of RAFS v6.
      cache: { type: 'blobcache', config: { work_dir: cache } },
    },
    mode: 'direct',
    digest_validate: false,
    iostats_files: false,
    enable_xattr: true,
    fs_prefetch: { enable: prefetches, threads_count: 4 },
  };
}

function registryConfiguration(backend: Extract<NydusBackend, { type: 'registry' }>) {
  const { scheme = 'http', host, repository: repo, credentials } = backend;
  const { mirror, authThrough = true, proxy } = backend;
  // Without `auth_through` the first request of all goes to the registry itself.
  const mirrors = [{ host: `http://${mirror}`, auth_through: authThrough }];
  return {
    ...{ scheme, host, repo },
    ...(credentials === undefined ? {} : { auth: btoa(credentials) }),
    ...(mirror === undefined ? {} : { mirrors }),
    ...(proxy === undefined ? {} : { proxy: proxyConfiguration(proxy) }),
  };
}

function proxyConfiguration({ host, fallback, pingUrl = '', useHttp = false }: NydusProxy) {
  const url = `http://${host}`;
  return { url, fallback, ping_url: pingUrl, check_interval: 1, use_http: useHttp };
}

function complaintsIn(log: readonly Buffer[]): string {
  const lines = stripVTControlCharacters(Buffer.concat(log).toString()).trimEnd().split('\n');
  const complaints = lines.filter((line) => !LOG_NOISE.test(line));
  return complaints.slice(-LOG_LINES_MAX).join('\n') || 'no complaints';
}

function isMountpoint(path: string): boolean {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .some((line) => line.split(' ')[4] === path);
}
