/** One start of a container from an image that is not on the host yet, and reads inside of it. */
import { spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runChecked } from '@shoal/test-kit';
import { type Installation, startRelease } from '../../test/containerd/support/releases.ts';
import { startSnapshotter } from '../../test/support/own-snapshotter.ts';
import {
  convert,
  type Program,
  type PushedApplication,
  type PushedImages,
  pushImages,
} from './applications.ts';
import { SHOAL } from './input.ts';
import type { LimitedRegistry } from './limited-registry.ts';
import { BenchScope } from './scope.ts';
import { dropCaches } from './tree-reader.ts';

export type Contestant = {
  readonly who: string;
  /** What containerd knows it as. */
  readonly snapshotter: 'overlayfs' | 'shoal';
};

export type StartTask = {
  readonly snapshotter: Contestant['snapshotter'];
  /** The image, with its registry. */
  readonly name: string;
  readonly registry: LimitedRegistry;
  /** A small image that the host has started before. */
  readonly warmUp: PushedImages;
  readonly directory: string;
};

export type Start = {
  /** From the start of the pull to the first byte of output. */
  readonly coldSeconds: number;
  readonly pullSeconds: number;
  /** From the start of a second container to its first byte of output. */
  readonly againSeconds: number;
  /** Millions of bytes on the link, until the first container had ended. */
  readonly megabytes: number;
  readonly requests: number;
};

export type SteadyReads = { readonly diskMbPerSecond: number; readonly warmMbPerSecond: number };

const PULL_MS_MAX = 900_000;

/** On empty directories, by daemons that have started one small image so far. */
export async function measureStart(
  task: StartTask & { readonly program: Program },
): Promise<Start> {
  await using scope = new BenchScope();
  const { name, registry, program } = task;
  const host = await openHost(scope, task);
  const { command } = program;
  await dropCaches();
  const before = { bytes: registry.bytesSent(), requests: registry.requests() };
  const startedAt = performance.now();
  await host.pull(name);
  const pulledAt = performance.now();
  const first = await host.run(name, command);
  const start = {
    coldSeconds: (pulledAt - startedAt + first.outputMs) / 1e3,
    pullSeconds: (pulledAt - startedAt) / 1e3,
    megabytes: (registry.bytesSent() - before.bytes) / 1e6,
    requests: registry.requests() - before.requests,
  };
  const again = await host.run(name, command);
  return { ...start, againSeconds: again.outputMs / 1e3 };
}

/** Prints bytes and nanoseconds of reading all of /usr/bin. */
const READ_BINARIES = `
before=$(date +%s%N)
bytes=$(find /usr/bin -type f -exec cat {} + | wc -c)
echo $bytes $(($(date +%s%N) - before))`;

/** A first container has brought the bytes. */
export async function measureSteadyReads(task: StartTask): Promise<SteadyReads> {
  await using scope = new BenchScope();
  const { name } = task;
  const host = await openHost(scope, task);
  await host.pull(name);
  const read = async (): Promise<number> => {
    const { output } = await host.run(name, ['/bin/sh', '-c', READ_BINARIES]);
    const [bytes = 0, nanoseconds = 0] = output.split(' ').map(Number);
    return bytes / 1e6 / (nanoseconds / 1e9);
  };
  await read();
  await dropCaches();
  return { diskMbPerSecond: await read(), warmMbPerSecond: await read() };
}

/**
 * The image once more, converted with the list of what the program read in a start on another host,
 * under a name of its own.
 */
export async function pushListed(
  image: PushedApplication,
  program: Program,
  { registry, warmUp, directory }: Pick<StartTask, 'registry' | 'warmUp' | 'directory'>,
): Promise<string> {
  await using scope = new BenchScope();
  const task: StartTask = { snapshotter: 'shoal', name: image.lazy, registry, warmUp, directory };
  // What is fetched ahead is not in a trace.
  const host = await openHost(scope, task, '[cache]\nreadahead = false\n');
  await host.pull(image.lazy);
  await host.run(image.lazy, program.command);
  const { stdout } = await runChecked(SHOAL, ['trace', '--prefetch-patterns', image.lazy], {
    env: host.env,
  });
  const file = join(directory, 'first.txt');
  writeFileSync(file, stdout);
  const target = `${image.lazy}-${program.name}`;
  const options = ['--build-cache', image.buildCache, '--prefetch-patterns', file];
  await convert(image.ordinary, target, options);
  return target;
}

/** An image of nothing but Debian's static busybox. */
export async function pushWarmUp(host: string, directory: string): Promise<PushedImages> {
  const tree = join(directory, 'warm-up');
  mkdirSync(join(tree, 'bin'), { recursive: true });
  copyFileSync('/bin/busybox', join(tree, 'bin', 'busybox'));
  const tar = join(directory, 'warm-up.tar');
  await runChecked('tar', ['-C', tree, '-cf', tar, 'bin']);
  return pushImages(readFileSync(tar), `${host}/bench/warm-up`, directory);
}

type Host = {
  readonly env: NodeJS.ProcessEnv;
  pull(name: string): Promise<void>;
  /** A container, to its end. */
  run(
    name: string,
    command: readonly string[],
  ): Promise<{ readonly outputMs: number; readonly output: string }>;
};

async function openHost(scope: BenchScope, task: StartTask, settings = ''): Promise<Host> {
  const { registry, snapshotter, directory, warmUp } = task;
  const shoal = await startSnapshotter(scope, {
    config: `${settings}[registry]\nconfig_path = "${hostsDirectory(directory, registry.host)}"\n`,
  });
  const containerd = await startRelease(scope, '1.6', shoal);
  if (containerd === undefined) throw new Error('containerd 1.6 cannot run here');
  const flags = ['-snapshotter', snapshotter];
  const host: Host = {
    env: shoal.env,
    pull: async (name) => {
      await containerd.client([...flags, 'pull', name], { timeoutMs: PULL_MS_MAX });
    },
    run: (name, command) => runContainer(containerd, [...flags, 'run', name], command),
  };
  const small = snapshotter === 'shoal' ? warmUp.lazy : warmUp.ordinary;
  await host.pull(small);
  await host.run(small, ['/bin/busybox', 'echo', 'warm']);
  return host;
}

/** containerd's own form of "this registry speaks plain HTTP". */
function hostsDirectory(directory: string, host: string): string {
  const hosts = join(directory, 'certs.d');
  mkdirSync(join(hosts, host), { recursive: true });
  writeFileSync(join(hosts, host, 'hosts.toml'), `server = "http://${host}"\n`);
  return hosts;
}

let containers = 0;

async function runContainer(
  containerd: Installation,
  run: readonly string[],
  command: readonly string[],
): Promise<{ readonly outputMs: number; readonly output: string }> {
  const id = `shoal-bench-${process.pid}-${containers++}`;
  const args = ['-plain-http', ...run, id, ...command];
  const startedAt = performance.now();
  const child = spawn(containerd.clientProgram, args, { env: containerd.env });
  let outputMs: number | undefined;
  let output = '';
  let errors = '';
  child.stdout.on('data', (bytes: Buffer) => {
    outputMs ??= performance.now() - startedAt;
    output += bytes.toString('utf8');
  });
  child.stderr.on('data', (bytes: Buffer) => {
    errors += bytes.toString('utf8');
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (outputMs === undefined || code !== 0) throw new Error(`${run.join(' ')}: ${code}\n${errors}`);
  return { outputMs, output };
}
