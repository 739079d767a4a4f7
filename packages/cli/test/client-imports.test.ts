/**
 * Commands that only talk to the daemon start fast because they load nothing of it. Each is run, and
 * what it loaded is looked at: one import too many costs every command a tenth of a second or more.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCommand, temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import type { RecordedImport } from './support/record-imports.ts';

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const RECORDER = new URL('./support/record-imports.ts', import.meta.url).href;
const PACKAGES = new URL('../../', import.meta.url).href;

/** What they may load of npm; none is native. */
const NPM_PACKAGES: ReadonlySet<string> = new Set(['commander', 'smol-toml', 'zod']);

/** Entries of our packages that load all of them, and the folders of the daemon's parts. */
const HEAVY: readonly RegExp[] = [
  /^(?:converter|linux|node|snapshotter)\/src\/index\.ts$/,
  /^(?:blob-store|registry-client)\//,
  /^snapshotter\/src\/(?:blobs|bootstraps|driver|grpc|images|snapshots)\//,
  /^node\/src\/(?:cache|containerd|cri|upgrade)\//,
  /^node\/src\/metrics\/(?!metrics-address\.ts$)/,
];

/** No daemon answers any of them. `mount` fails before it would start one. */
const COMMANDS: readonly (readonly string[])[] = [
  ['status'],
  ['mount', 'registry.invalid/app:1', '/nowhere'],
  ['unmount', '/nowhere'],
  ['trace', '/nowhere'],
  ['cache', 'gc', '--dry-run'],
  ['drain', '--keep-mounts'],
];

for (const [command = '', ...rest] of COMMANDS) {
  t.test(`'shoal ${command}' loads the client and no part of the daemon`, async (t) => {
    const directory = temporaryDirectory(t);
    const run = join(directory, 'run');
    // No directory can be made below a file.
    if (command === 'mount') writeFileSync(run, '');
    const imports = await importsOf(
      [command, ...rest, '--root', join(directory, 'root'), '--run', join(run, 'shoal')],
      join(directory, 'imports'),
    );
    t.ok(
      imports.some(({ url }) => url === `${PACKAGES}node/src/client.ts`),
      'the client is among them',
    );
    t.same(
      imports.filter(isTooMuch).map(({ url }) => chainTo(url, imports)),
      [],
    );
  });
}

async function importsOf(args: readonly string[], file: string): Promise<RecordedImport[]> {
  const env = { ...process.env, SHOAL_TEST_IMPORTS: file };
  await runCommand(process.execPath, ['--import', RECORDER, MAIN, ...args], { env });
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  return lines.map((line) => JSON.parse(line));
}

function isTooMuch({ url }: RecordedImport): boolean {
  // packages/node/src/node-http.ts says why.
  if (url === 'node:http') return true;
  const [, npm] = /\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url) ?? [];
  if (npm !== undefined) return !NPM_PACKAGES.has(npm);
  const path = url.startsWith(PACKAGES) ? url.slice(PACKAGES.length) : '';
  return HEAVY.some((pattern) => pattern.test(path));
}

/** `a.ts > b.ts > c.ts`: who asked for whom. */
function chainTo(url: string, imports: readonly RecordedImport[]): string {
  const chain: string[] = [];
  for (let at: string | undefined = url; at !== undefined && !chain.includes(at); ) {
    chain.unshift(at);
    at = imports.find((one) => one.url === at)?.parent;
  }
  return chain.map((one) => one.replace(PACKAGES, '')).join(' > ');
}
