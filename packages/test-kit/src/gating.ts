/**
 * What a test needs of the machine. Each `require...` returns true when it is there; otherwise it
 * marks the test as skipped with the reason, or as failed when SHOAL_TEST_STRICT=1, and returns
 * false: `if (!requireTool(t, 'umoci')) return;`.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { TestScope } from './test-scope.ts';

/** True when every requirement must be met: what cannot run is a failure. */
export const isStrict = process.env['SHOAL_TEST_STRICT'] === '1';

function lack(t: TestScope, reason: string): false {
  if (isStrict) t.fail(`cannot run here: ${reason}`);
  else t.pass('needs more of the machine', { skip: reason });
  return false;
}

/** The path of a program in PATH (or the usual sbin directories); undefined when absent. */
export function findTool(name: string): string | undefined {
  const directories = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  for (const directory of directories) {
    const path = join(directory, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not in this directory.
    }
  }
  return undefined;
}

/** Each named program is in PATH. */
export function requireTool(t: TestScope, ...names: readonly string[]): boolean {
  const absent = names.filter((name) => findTool(name) === undefined);
  return absent.length === 0 || lack(t, `${absent.join(', ')} not installed`);
}

/** The test runs as root. */
export function requireRoot(t: TestScope): boolean {
  return process.getuid?.() === 0 || lack(t, 'needs root');
}

/** The kernel can mount EROFS and FUSE file systems, and this process may mount. */
export function requireMounts(t: TestScope): boolean {
  if (!requireRoot(t)) return false;
  for (const [type, module] of [
    ['erofs', 'erofs'],
    ['fuse', 'fuse'],
    ['overlay', 'overlay'],
  ] as const) {
    if (!hasFilesystem(type)) spawnSync('modprobe', [module], { stdio: 'ignore' });
    if (!hasFilesystem(type)) return lack(t, `the kernel has no ${type}`);
  }
  return existsSync('/dev/fuse') || lack(t, '/dev/fuse is missing');
}

function hasFilesystem(type: string): boolean {
  return readFileSync('/proc/filesystems', 'latin1')
    .split('\n')
    .some((line) => line.split('\t')[1] === type);
}

/** Where the real Nydus lies when test/judges/build-nydus.sh has built it. */
export function nydusDirectory(): string {
  return join(judgesDirectory(), 'nydus-2.2.0');
}

function judgesDirectory(): string {
  return process.env['SHOAL_JUDGES'] ?? join(homedir(), '.cache', 'shoal-judges');
}

/** Paths of the real Nydus programs; a skip or failure of the test when they are not there. */
export function requireNydus(t: TestScope): { image: string; daemon: string } | undefined {
  const image = join(nydusDirectory(), 'bin', 'nydus-image');
  const daemon = join(nydusDirectory(), 'bin', 'nydusd');
  if (existsSync(image) && existsSync(daemon)) return { image, daemon };
  lack(t, 'real Nydus is not built (test/judges/build-nydus.sh)');
  return undefined;
}

/** Path of Nydus's own builder; a skip or failure of the test when it is not there. */
export function requireNydusBuilder(t: TestScope): string | undefined {
  const program = join(judgesDirectory(), 'nydus-builder-0.2.0', 'bin', 'nydus-builder');
  if (existsSync(program)) return program;
  lack(t, "Nydus's builder is not built (test/judges/build-nydus-builder.sh)");
  return undefined;
}

/** What test/judges/build-containerd.sh builds from a release line of containerd's Go modules. */
export type ContainerdJudge = {
  /** The directory of the programs; of 1.7 and 2 it also holds containerd, ctr and the shim. */
  readonly directory: string;
  /** containerd's snapshotter suite. */
  readonly suite: string;
  /** A client that pulls as CRI does. */
  readonly client: string;
};

export type ContainerdLine = '1.6' | '1.7' | '2';

/** Paths of the programs of a release line; a skip or failure of the test when they are not there. */
export function requireContainerdJudge(
  t: TestScope,
  line: ContainerdLine,
): ContainerdJudge | undefined {
  const directory = join(judgesDirectory(), `containerd-${line}`, 'bin');
  const judge = { directory, suite: join(directory, 'suite'), client: join(directory, 'client') };
  if (existsSync(judge.suite) && existsSync(judge.client)) return judge;
  lack(t, `containerd ${line} is not built (test/judges/build-containerd.sh ${line})`);
  return undefined;
}

/** Path of nerdctl; a skip or failure of the test when it is not there. */
export function requireNerdctl(t: TestScope): string | undefined {
  const program = join(judgesDirectory(), 'nerdctl', 'bin', 'nerdctl');
  if (existsSync(program)) return program;
  lack(t, 'nerdctl is not built (test/judges/build-nerdctl.sh)');
  return undefined;
}

/** Path of the distribution specification's own suite; a skip or failure when it is not there. */
export function requireDistributionJudge(t: TestScope): string | undefined {
  const program = join(judgesDirectory(), 'distribution-spec', 'bin', 'conformance');
  if (existsSync(program)) return program;
  lack(t, 'the distribution suite is not built (test/judges/build-distribution-spec.sh)');
  return undefined;
}

/** What test/judges/build-helm.sh builds: what renders a chart, and what compares objects with their schemas. */
export type HelmJudge = {
  readonly helm: string;
  readonly kubeconform: string;
  /** Directory of Kubernetes's OpenAPI documents and cert-manager's definitions. */
  readonly schemas: string;
};

/** Paths of them; a skip or failure of the test when they are not there. */
export function requireHelm(t: TestScope): HelmJudge | undefined {
  const directory = join(judgesDirectory(), 'helm');
  const judge = {
    helm: join(directory, 'bin', 'helm'),
    kubeconform: join(directory, 'bin', 'kubeconform'),
    schemas: join(directory, 'schemas'),
  };
  if (existsSync(judge.helm) && existsSync(judge.kubeconform)) return judge;
  lack(t, 'helm is not built (test/judges/build-helm.sh)');
  return undefined;
}
