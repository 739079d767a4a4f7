/** One start of a container from an image that is not on the host yet, and reads inside of it. */
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Installation, startRelease } from '../../test/containerd/support/releases.ts';
import { startSnapshotter } from '../../test/support/own-snapshotter.ts';
import type { Program, PushedApplication } from './applications.ts';
import type { LimitedRegistry } from './limited-registry.ts';
import { BenchScope } from './scope.ts';
import { dropCaches } from './tree-reader.ts';

export type StartTask = {
  readonly image: PushedApplication;
  readonly registry: LimitedRegistry;
  /** What containerd knows it as. */
  readonly snapshotter: 'overlayfs' | 'shoal';
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

/** Everything anew, on empty directories. */
export async function measureStart(
  task: StartTask & { readonly program: Program },
): Promise<Start> {
  await using scope = new BenchScope();
  const { image, registry, program } = task;
  const host = await openHost(scope, task);
  const { command } = program;
  await dropCaches();
  const before = { bytes: registry.bytesSent(), requests: registry.requests() };
  const startedAt = performance.now();
  await host.pull(image);
  const pulledAt = performance.now();
  const first = await host.run(image, command);
  const start = {
    coldSeconds: (pulledAt - startedAt + first.outputMs) / 1e3,
    pullSeconds: (pulledAt - startedAt) / 1e3,
    megabytes: (registry.bytesSent() - before.bytes) / 1e6,
    requests: registry.requests() - before.requests,
  };
  const again = await host.run(image, command);
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
  const { image } = task;
  const host = await openHost(scope, task);
  await host.pull(image);
  const read = async (): Promise<number> => {
    const { output } = await host.run(image, ['/bin/sh', '-c', READ_BINARIES]);
    const [bytes = 0, nanoseconds = 0] = output.split(' ').map(Number);
    return bytes / 1e6 / (nanoseconds / 1e9);
  };
  await read();
  await dropCaches();
  return { diskMbPerSecond: await read(), warmMbPerSecond: await read() };
}

type Host = {
  pull(image: PushedApplication): Promise<void>;
  /** A container, to its end. */
  run(
    image: PushedApplication,
    command: readonly string[],
  ): Promise<{ readonly outputMs: number; readonly output: string }>;
};

async function openHost(
  scope: BenchScope,
  { registry, snapshotter, directory }: StartTask,
): Promise<Host> {
  const shoal = await startSnapshotter(scope, {
    config: `[registry]\nconfig_path = "${hostsDirectory(directory, registry.host)}"\n`,
  });
  const containerd = await startRelease(scope, '1.6', shoal);
  if (containerd === undefined) throw new Error('containerd 1.6 cannot run here');
  const flags = ['-snapshotter', snapshotter];
  const nameOf = (image: PushedApplication) =>
    snapshotter === 'shoal' ? image.lazy : image.ordinary;
  return {
    pull: async (image) => {
      await containerd.client([...flags, 'pull', nameOf(image)], { timeoutMs: PULL_MS_MAX });
    },
    run: (image, command) => runContainer(containerd, [...flags, 'run', nameOf(image)], command),
  };
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
