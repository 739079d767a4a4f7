/**
 * A containerd of the test's own: configuration, state, socket and log lie in a directory of its
 * own, and whatever it started or mounted goes away with the test.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
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
import { OwnProgram } from './own-program.ts';

export type ContainerdOptions = {
  /** A containerd of its own line, its ctr and its shim. @default Debian's 1.6 in PATH */
  readonly built?: BuiltContainerd | undefined;
  /** Snapshotters that other programs serve, by name. */
  readonly proxySnapshotters?: Readonly<Record<string, ProxySnapshotter>>;
  /** Plugins that are left out. @default CRI and what writes outside of the directory */
  readonly disabledPlugins?: readonly string[];
  /** More of the configuration (TOML), e.g. `[plugins."..."]` tables of the version's names. */
  readonly moreConfig?: string;
  readonly env?: NodeJS.ProcessEnv;
};

export type BuiltContainerd = {
  readonly line: '1.7' | '2';
  /** Of the programs. */
  readonly directory: string;
};

export type ProxySnapshotter = {
  readonly socket: string;
  /** Where it keeps its snapshots, for CRI's figures of the file system. */
  readonly root: string;
  /** What containerd is told it can do, as `remap-ids`. */
  readonly capabilities?: readonly string[] | undefined;
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

const STOP_MS_MAX = 30_000;

/** CRI wants a network set-up; `opt` and NRI use directories of the whole machine. */
const DISABLED = [
  'io.containerd.grpc.v1.cri',
  'io.containerd.cri.v1.images',
  'io.containerd.cri.v1.runtime',
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
  readonly #ctr: string;
  readonly #child: OwnProgram;

  constructor(directory: string, options: ContainerdOptions) {
    this.directory = directory;
    this.address = join(directory, 'containerd.sock');
    this.env = { ...process.env, ...options.env, CONTAINERD_ADDRESS: this.address };
    const programs = options.built?.directory;
    // containerd looks for its shim in PATH.
    if (programs !== undefined) this.env['PATH'] = `${programs}:${this.env['PATH'] ?? ''}`;
    const programOf = (name: string) =>
      programs === undefined ? (findTool(name) ?? name) : join(programs, name);
    this.#ctr = programOf('ctr');
    const config = join(directory, 'config.toml');
    for (const name of ['root', 'state']) mkdirSync(join(directory, name));
    writeFileSync(config, configuration(directory, this.address, options));
    this.#child = new OwnProgram({
      name: 'containerd',
      program: programOf('containerd'),
      args: ['--config', config],
      env: this.env,
      logFile: join(directory, 'log'),
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  log(): string {
    return this.#child.log();
  }

  ctr(args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    return runChecked(this.#ctr, args, { env: this.env, ...options });
  }

  tryCtr(args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    return runCommand(this.#ctr, args, { env: this.env, ...options });
  }

  start(): Promise<void> {
    return this.#child.start(() => this.#answers());
  }

  stop(signal?: NodeJS.Signals): Promise<void> {
    return this.#child.stop(signal, { killAfterMs: STOP_MS_MAX });
  }

  /** Ends everything: containers, shims, containerd, mounts. */
  async end(): Promise<void> {
    if (this.pid !== undefined) await endTasks((args) => this.tryCtr(args));
    await this.stop();
    await clearContainerdLeftovers(this.directory);
  }

  async #answers(): Promise<boolean> {
    return (await this.tryCtr(['version'])).exitCode === 0;
  }
}

function configuration(directory: string, address: string, options: ContainerdOptions): string {
  const is2 = options.built?.line === '2';
  return [
    `version = ${is2 ? 3 : 2}`,
    `root = ${text(join(directory, 'root'))}`,
    `state = ${text(join(directory, 'state'))}`,
    `disabled_plugins = ${text(options.disabledPlugins ?? DISABLED)}`,
    '[grpc]',
    `address = ${text(address)}`,
    '[ttrpc]',
    `address = ${text(`${address}.ttrpc`)}`,
    ...Object.entries(options.proxySnapshotters ?? {}).flatMap(([name, proxy]) => [
      ...proxyPlugin(name, proxy),
      ...(is2 ? unpacking(name) : []),
    ]),
    options.moreConfig ?? '',
    '',
  ].join('\n');
}

function proxyPlugin(name: string, proxy: ProxySnapshotter): string[] {
  const { socket, root, capabilities = [] } = proxy;
  return [
    `[proxy_plugins.${text(name)}]`,
    'type = "snapshot"',
    `address = ${text(socket)}`,
    ...(capabilities.length > 0 ? [`capabilities = [${capabilities.map(text).join(', ')}]`] : []),
    `[proxy_plugins.${text(name)}.exports]`,
    `root = ${text(root)}`,
    'enable_remote_snapshot_annotations = "true"',
  ];
}

/** Since 2.0 `ctr images pull` unpacks only for snapshotters that are named here. */
function unpacking(snapshotter: string): string[] {
  return [
    '[[plugins."io.containerd.transfer.v1.local".unpack_config]]',
    'platform = "linux"',
    `snapshotter = ${text(snapshotter)}`,
  ];
}

function text(value: unknown): string {
  return JSON.stringify(value);
}
