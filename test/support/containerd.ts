/**
 * A containerd of the test's own: configuration, state, socket and log lie in a directory of its
 * own, and whatever it started or mounted goes away with the test.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type CommandOptions,
  type CommandResult,
  findTool,
  requireMounts,
  requireTool,
  runChecked,
  runCommand,
  type TestScope,
  temporaryDirectory,
} from '@shoal/test-kit';
import { clearContainerdLeftovers, endTasks } from './containerd-leftovers.ts';

export type ContainerdOptions = {
  /** @default `containerd` in PATH */
  readonly program?: string;
  /** @default `ctr` in PATH */
  readonly ctrProgram?: string;
  /** Snapshotters that other programs serve, by name: the path of the socket. */
  readonly proxySnapshotters?: Readonly<Record<string, string>>;
  /** Plugins that are left out. @default CRI and what writes outside of the directory */
  readonly disabledPlugins?: readonly string[];
  /** More of the configuration (version 2, TOML), e.g. `[plugins."..."]` tables. */
  readonly moreConfig?: string;
  readonly env?: NodeJS.ProcessEnv;
};

export type Containerd = {
  readonly directory: string;
  /** The path of its socket. */
  readonly address: string;
  /** For programs that find containerd by it: CONTAINERD_ADDRESS. */
  readonly env: NodeJS.ProcessEnv;
  /** Undefined while it does not run. */
  readonly pid: number | undefined;
  /** What all its runs have logged so far. */
  log(): string;
  /** Runs `ctr`; an exit code other than 0 is an error. */
  ctr(args: readonly string[], options?: CommandOptions): Promise<CommandResult>;
  /** Runs `ctr`; any exit code is a result. */
  tryCtr(args: readonly string[], options?: CommandOptions): Promise<CommandResult>;
  /** Starts it again after a `stop`; resolves when it answers. */
  start(): Promise<void>;
  /** Containers and mounts stay. @default 'SIGTERM' */
  stop(signal?: NodeJS.Signals): Promise<void>;
};

const START_MS_MAX = 60_000;
const STOP_MS_MAX = 30_000;

/** CRI wants a network set-up; `opt` and NRI use directories of the whole machine. */
const DISABLED = [
  'io.containerd.grpc.v1.cri',
  'io.containerd.internal.v1.opt',
  'io.containerd.nri.v1.nri',
];

/** Containerd and a kernel for its overlayfs snapshotter are there. */
export function requireContainerd(t: TestScope): boolean {
  return requireMounts(t) && requireTool(t, 'containerd', 'ctr');
}

/** Starts it; resolves when it answers. */
export async function startContainerd(
  t: TestScope,
  options: ContainerdOptions = {},
): Promise<Containerd> {
  const directory = temporaryDirectory(t, 'shoal-containerd-');
  const containerd = new OwnContainerd(directory, options);
  t.teardown(() => containerd.end());
  await containerd.start();
  return containerd;
}

class OwnContainerd implements Containerd {
  readonly directory: string;
  readonly address: string;
  readonly env: NodeJS.ProcessEnv;
  readonly #program: string;
  readonly #ctr: string;
  readonly #config: string;
  readonly #logFile: string;
  #child: ChildProcess | undefined;

  constructor(directory: string, options: ContainerdOptions) {
    this.directory = directory;
    this.address = join(directory, 'containerd.sock');
    this.env = { ...process.env, ...options.env, CONTAINERD_ADDRESS: this.address };
    this.#program = options.program ?? findTool('containerd') ?? 'containerd';
    this.#ctr = options.ctrProgram ?? findTool('ctr') ?? 'ctr';
    this.#config = join(directory, 'config.toml');
    this.#logFile = join(directory, 'log');
    for (const name of ['root', 'state']) mkdirSync(join(directory, name));
    writeFileSync(this.#config, configuration(directory, this.address, options));
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  log(): string {
    return readFileSync(this.#logFile, 'utf8');
  }

  ctr(args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    return runChecked(this.#ctr, args, { env: this.env, ...options });
  }

  tryCtr(args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    return runCommand(this.#ctr, args, { env: this.env, ...options });
  }

  async start(): Promise<void> {
    const fd = openSync(this.#logFile, 'a');
    const child = spawn(this.#program, ['--config', this.#config], {
      env: this.env,
      stdio: ['ignore', fd, fd],
    });
    closeSync(fd);
    this.#child = child;
    const forget = () => {
      if (this.#child === child) this.#child = undefined;
    };
    child.once('error', forget);
    child.once('exit', forget);
    const giveUpAt = Date.now() + START_MS_MAX;
    while (!(await this.#answers())) {
      if (this.#child !== child || Date.now() > giveUpAt) {
        throw new Error(`containerd does not start\n${this.log()}`);
      }
      await sleep(25);
    }
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill(signal);
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX);
    await ended;
    clearTimeout(timer);
  }

  /** Ends everything: containers, shims, containerd, mounts. */
  async end(): Promise<void> {
    if (this.#child !== undefined) await endTasks((args) => this.tryCtr(args));
    await this.stop();
    await clearContainerdLeftovers(this.directory);
  }

  async #answers(): Promise<boolean> {
    return (await this.tryCtr(['version'])).exitCode === 0;
  }
}

function configuration(directory: string, address: string, options: ContainerdOptions): string {
  const text = (value: unknown) => JSON.stringify(value);
  const proxies = Object.entries(options.proxySnapshotters ?? {}).flatMap(([name, socket]) => [
    `[proxy_plugins.${text(name)}]`,
    'type = "snapshot"',
    `address = ${text(socket)}`,
  ]);
  return [
    'version = 2',
    `root = ${text(join(directory, 'root'))}`,
    `state = ${text(join(directory, 'state'))}`,
    `disabled_plugins = ${text(options.disabledPlugins ?? DISABLED)}`,
    '[grpc]',
    `address = ${text(address)}`,
    '[ttrpc]',
    `address = ${text(`${address}.ttrpc`)}`,
    ...proxies,
    options.moreConfig ?? '',
    '',
  ].join('\n');
}
