/**
 * A release as its users get it: built by the script, unpacked or installed elsewhere, used without
 * this checkout, npm or a Node of the machine.
 */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { EmbeddedRegistry } from '@shoal/registry-client/embedded';
import {
  compareTrees,
  requireMounts,
  requireTool,
  runChecked,
  runCommand,
  type TestScope,
  temporaryDirectory,
  until,
} from '@shoal/test-kit';
import t from 'tap';
import { type BuiltRelease, buildRelease, unpackRelease } from '../support/built-release.ts';
import { requireContainerd, startContainerd } from '../support/containerd.ts';
import { digestBySha256sum, digestOfFile, writeFiles } from '../support/mounted-image.ts';
import { ownDaemon, processesNaming } from '../support/own-daemon.ts';
import { startSnapshotter } from '../support/own-snapshotter.ts';
import { root } from '../support/source-files.ts';

const STEP_MS_MAX = 120_000;
const ROOT_MS_MAX = 400_000;
/** As little as a command can have: no Node, no npm, nothing of this checkout. */
const BARE_PATH = '/usr/sbin:/usr/bin:/sbin:/bin';

const scripts = join(root, 'test/release');
const directory = temporaryDirectory(t);
let release: BuiltRelease;
/** The tarball's tree. */
let unpacked: string;

t.test('the script builds a release with checksums', async (t) => {
  if (!requireTool(t, 'dpkg-deb')) return;
  release = await buildRelease(join(directory, 'dist'));
  unpacked = await unpackRelease(release, join(directory, 'unpacked'));
  await runChecked('sha256sum', ['--check', '--strict', 'SHA256SUMS.x64'], {
    cwd: release.directory,
  });
  const sbom: unknown = JSON.parse(readFileSync(release.file('.sbom.cdx.json'), 'utf8'));
  t.match(sbom, { bomFormat: 'CycloneDX', specVersion: '1.6', components: [{ type: 'library' }] });
});

t.test('the tarball runs wherever it is unpacked', async (t) => {
  if (!requireMounts(t)) return;
  await runChecked('sha256sum', ['--check', '--quiet', 'SHA256SUMS'], { cwd: unpacked });
  const before = await listing(unpacked);
  const daemon = ownDaemon(t, directory);
  const home = join(directory, 'home');
  mkdirSync(home);
  const { SHOAL_ROOT, SHOAL_RUN } = daemon.env;
  const env = { PATH: BARE_PATH, HOME: home, SHOAL_ROOT, SHOAL_RUN };
  const shoal = (...args: string[]) =>
    runChecked(join(unpacked, 'bin/shoal'), args, { env, timeoutMs: STEP_MS_MAX });
  t.equal((await shoal('--version')).stdout.trim(), versionOf(root));

  const source = join(directory, 'source');
  writeFiles(source, { large: 5 << 20, 'dir/small': 700 });
  const image = `oci:${join(directory, 'image')}:latest`;
  const registry = await EmbeddedRegistry.listen();
  t.teardown(() => registry.close());
  const again = `${registry.host}/again:latest`;
  await shoal('convert', '--source', `dir:${source}`, '--target', image);
  const plain = `oci:${join(directory, 'plain')}:latest`;
  await shoal('unpack', '--source', image, '--target', plain);
  const other = ['--compressor', 'lz4_block', '--digester', 'blake3'];
  await shoal('convert', ...other, '--source', plain, '--target', again);
  await shoal('check', '--source', image, '--target', again);

  const config = join(directory, 'config.toml');
  writeFileSync(config, '[fuse]\nholder = "socket"\n');
  const mountpoint = join(directory, 'mnt');
  mkdirSync(mountpoint);
  await shoal('mount', '--config', config, image, mountpoint);
  t.same(await compareTrees(source, mountpoint), []);
  const daemons = () => processesNaming(directory).filter((pid) => isRunning(pid, 'daemon-main'));
  const [first = 0] = daemons();
  t.equal(readlinkSync(`/proc/${first}/exe`), join(unpacked, 'libexec/node'));
  process.kill(first, 'SIGKILL');
  await until('the supervisor has started another', () => daemons().some((pid) => pid !== first));
  const second = join(directory, 'mnt2');
  mkdirSync(second);
  await shoal('mount', again, second);
  const digest = await digestBySha256sum(join(second, 'large'));
  t.equal(digest, digestOfFile(join(source, 'large')), 'the new daemon reads from a registry');
  await shoal('drain');
  t.same(await listing(unpacked), before, 'nothing was written beside it');
});

t.test('its snapshotter answers containerd', async (t) => {
  if (!requireContainerd(t)) return;
  const program = join(unpacked, 'bin/shoal');
  const snapshotter = await startSnapshotter(t, { program });
  const containerd = await startContainerd(t, { proxySnapshotters: { shoal: snapshotter } });
  const snapshots = ['snapshots', '--snapshotter', 'shoal'];
  await containerd.ctr([...snapshots, 'prepare', 'work']);
  await containerd.ctr([...snapshots, 'commit', 'layer', 'work']);
  await containerd.ctr([...snapshots, 'prepare', 'container', 'layer']);
  const { stdout } = await containerd.ctr([...snapshots, 'list']);
  t.match(stdout, /^container +layer +Active/m);
  const config = join(containerd.directory, 'config.toml');
  const doctor = ['doctor', '--containerd-config', config];
  const said = await runChecked(program, doctor, { env: snapshotter.env });
  t.match(said.stdout, /^ +ok +proxy plugin: /m);
  t.match(said.stdout, /^ +ok +snapshotter socket: /m);
});

t.test('the Debian package installs, serves, upgrades and goes', async (t) => {
  if (!requireMounts(t) || !requireTool(t, 'mmdebstrap', 'unshare', 'chroot')) return;
  const system = await debianRoot(t, 'without-systemd');
  await runChecked('cp', [release.file('.tar.gz'), join(system, 'shoal.tar.gz')]);
  await runChecked('cp', [join(scripts, 'in-debian.sh'), join(system, 'test.sh')]);
  const argv = ['--mount', '--propagation', 'private', 'sh', '-euc', ENTER, 'sh', system];
  const { exitCode, stdout, stderr } = await runCommand('unshare', argv, {
    env: { PATH: BARE_PATH, VERSION: versionOf(root) },
    timeoutMs: ROOT_MS_MAX,
  });
  t.equal(exitCode, 0, `${stdout}\n${stderr}`);
  t.match(stdout, /^all done$/m);
  t.same(processesInside(system), [], 'no process stays');
});

t.test('its units, below a real systemd', async (t) => {
  if (!requireMounts(t) || !requireTool(t, 'mmdebstrap', 'unshare', 'chroot')) return;
  const groups = /^\S+ (\S+) cgroup2 /m.exec(readFileSync('/proc/mounts', 'latin1'))?.[1];
  if (groups === undefined) return void t.pass('needs more', { skip: 'cgroup2 is not mounted' });
  const system = await debianRoot(t, 'with-systemd');
  await runChecked('cp', [join(scripts, 'in-systemd.sh'), join(system, 'inner.sh')]);
  const group = join(groups, `shoal-test-${process.pid}`);
  const argv = ['-eu', join(scripts, 'boot-systemd.sh'), system, group];
  const { stdout, stderr } = await runCommand('sh', argv, { timeoutMs: ROOT_MS_MAX });
  const log = readFileSync(join(system, 'inner.log'), 'utf8');
  t.match(log, /^all done$/m, `${stdout}\n${stderr}\n${log}`);
  // It cannot be removed while a process is in it.
  t.notOk(existsSync(group), 'no process stays');
});

/** A Debian of its own with the package in /shoal.deb. */
async function debianRoot(t: TestScope, name: string): Promise<string> {
  const script = join(root, 'scripts/debian-root.sh');
  const made = await runChecked(script, ['mount,systemd'], { timeoutMs: ROOT_MS_MAX });
  const system = join(directory, name);
  mkdirSync(system);
  t.teardown(() => {
    for (const pid of processesInside(system)) process.kill(pid, 'SIGKILL');
  });
  await runChecked('tar', ['-xf', made.stdout.trim(), '-C', system, '--exclude=./dev/*']);
  await runChecked('cp', [release.file('.deb'), join(system, 'shoal.deb')]);
  return system;
}

/** What it mounts is gone with the last process of its mount namespace. */
const ENTER = `
mount --rbind /dev "$1/dev"
mount -t proc proc "$1/proc"
exec chroot "$1" /bin/sh -eu /test.sh
`;

/** Processes whose root directory this is. */
function processesInside(system: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readlinkSync(`/proc/${pid}/root`).startsWith(system);
      } catch {
        // It has ended meanwhile, or belongs to the kernel.
        return false;
      }
    });
}

async function listing(tree: string): Promise<string> {
  return (await runChecked('find', [tree, '-printf', '%p %s %m\\n'])).stdout;
}

function versionOf(tree: string): string {
  const manifest: { version: string } = JSON.parse(
    readFileSync(join(tree, 'package.json'), 'utf8'),
  );
  return manifest.version;
}

function isRunning(pid: number, program: string): boolean {
  try {
    return (
      readlinkSync(`/proc/${pid}/exe`).endsWith('/node') &&
      readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(program)
    );
  } catch {
    // It has ended meanwhile.
    return false;
  }
}
