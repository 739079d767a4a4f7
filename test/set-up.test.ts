/** What sets the machine up: which packages and why; when npm is asked, and what one that fails is told of. */
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { runCommand, temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { root } from './support/source-files.ts';

const SCRIPT = join(root, 'scripts/install-npm-packages.sh');
type Tap = Parameters<typeof temporaryDirectory>[0];

/** Runs the script with an npm that does what the shell lines say; $1 of them is the try. */
async function install(t: Tap, npm: string, tellSeconds = 15) {
  const directory = temporaryDirectory(t);
  const tries = join(directory, 'tries');
  const head = `#!/bin/sh\necho x >> ${tries}\nset -- $(wc -l < ${tries})\n`;
  writeFileSync(join(directory, 'npm'), `${head}${npm}\n`);
  // The pauses between tries are none of the test's business.
  writeFileSync(join(directory, 'sleep'), '#!/bin/sh\nexec /bin/sleep 0.1\n');
  for (const name of ['npm', 'sleep']) chmodSync(join(directory, name), 0o755);
  const env = {
    ...process.env,
    PATH: `${directory}:${process.env['PATH']}`,
    SET_UP_TELL_S: String(tellSeconds),
  };
  const { exitCode, stderr } = await runCommand('sh', [SCRIPT], { env });
  return { exitCode, stderr, tries: readFileSync(tries, 'utf8').split('\n').length - 1 };
}

t.test('an error no trying heals ends it at once, with one sentence', async (t) => {
  for (const word of ['ERR!', 'error']) {
    const usage = Array.from({ length: 200 }, (_, at) => `echo "npm ${word} usage ${at}" >&2`);
    const lines = [`echo "npm ${word} code EUSAGE" >&2`, ...usage, 'exit 1'].join('\n');
    const { exitCode, stderr, tries } = await install(t, lines);
    t.equal(exitCode, 1);
    t.equal(tries, 1);
    t.match(stderr, /^set-up: npm ci failed with EUSAGE: package\.json and package-lock\.json/);
    t.equal(stderr.trim().split('\n').length, 1);
  }
});

t.test('what a network can cause is tried again', async (t) => {
  const refused = 'echo "npm ERR! code ECONNRESET\nnpm ERR! read ECONNRESET" >&2; exit 1';
  const healed = await install(t, `[ "$1" -lt 3 ] || exit 0\n${refused}`);
  t.equal(healed.exitCode, 0);
  t.equal(healed.tries, 3);
  t.match(healed.stderr, /failed \(ECONNRESET: read ECONNRESET\); trying again/);
  const dead = await install(t, refused);
  t.equal(dead.exitCode, 1);
  t.equal(dead.tries, 3);
  t.match(dead.stderr, /failed three times, with ECONNRESET: look at the network/);
});

t.test('it says that it still works', async (t) => {
  const { exitCode, stderr } = await install(t, '/bin/sleep 1', 1);
  t.equal(exitCode, 0);
  t.match(stderr, /npm is still installing, 1 s so far/);
});

t.test('every Debian package stands in docs/dependencies.md', async (t) => {
  const script = readFileSync(join(root, 'scripts/set-up.sh'), 'utf8');
  const [, list = ''] = /^packages="([^"]+)"/m.exec(script) ?? [];
  const packages = list.split(/\s+/);
  t.ok(packages.length > 20, `${packages.length} packages`);
  const page = readFileSync(join(root, 'docs/dependencies.md'), 'utf8');
  t.same(
    packages.filter((name) => !page.includes(`\`${name}\``)),
    [],
  );
});

/** A checkout with npm's packages, whose lock file and npm's own record are of these seconds. */
function checkout(t: Tap, lockedAt: number, installedAt: number) {
  const directory = temporaryDirectory(t);
  const program = (path: string, line: string) => {
    writeFileSync(join(directory, path), `#!/bin/sh\n${line}\n`);
    chmodSync(join(directory, path), 0o755);
  };
  const file = (path: string, seconds: number) => {
    writeFileSync(join(directory, path), '{}\n');
    utimesSync(join(directory, path), seconds, seconds);
  };
  for (const name of ['scripts', 'bin', 'node_modules/node/bin']) {
    mkdirSync(join(directory, name), { recursive: true });
  }
  copyFileSync(join(root, 'scripts/set-up.sh'), join(directory, 'scripts/set-up.sh'));
  program('bin/dpkg-query', 'echo installed');
  program('node_modules/node/bin/node', 'exit 0');
  program('scripts/install-npm-packages.sh', 'echo installs >&2');
  file('package-lock.json', lockedAt);
  file('node_modules/.package-lock.json', installedAt);
  return directory;
}

t.test('what npm ci has installed by itself is not installed again', async (t) => {
  const setUp = async (directory: string) => {
    const env = { ...process.env, PATH: `${join(directory, 'bin')}:${process.env['PATH']}` };
    const script = join(directory, 'scripts/set-up.sh');
    const { exitCode, stderr } = await runCommand('sh', [script, '--demo'], { env });
    t.equal(exitCode, 0, stderr);
    return stderr;
  };
  t.equal(await setUp(checkout(t, 1_000, 2_000)), '');
  const outdated = checkout(t, 2_000, 1_000);
  t.match(await setUp(outdated), /installs/);
  t.equal(await setUp(outdated), '', 'the lock file is the one that was installed');
});
