/** `shoal snapshotter` of the test's own, in the foreground of nobody: a child of the test. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type TestScope, temporaryDirectory } from '@shoal/test-kit';
import { type OwnDaemon, ownDaemon } from './own-daemon.ts';
import { root } from './source-files.ts';

export type OwnSnapshotter = OwnDaemon & {
  /** For containerd's proxy plugin. */
  readonly socket: string;
  /** Undefined while it does not run. */
  readonly pid: number | undefined;
  /** What all its runs have logged so far. */
  log(): string;
  /** Starts it again after a `stop`; resolves when it accepts connections. */
  start(): Promise<void>;
  /** Mounts stay. @default 'SIGTERM' */
  stop(signal?: NodeJS.Signals): Promise<void>;
};

export type OwnSnapshotterOptions = {
  /** @default a temporary directory */
  readonly directory?: string;
  /** More of the environment. */
  readonly env?: NodeJS.ProcessEnv;
  /** The configuration file's text. @default empty */
  readonly config?: string;
  /** The command to start. @default that of this checkout */
  readonly program?: string;
};

const START_MS_MAX = 180_000;
const LOG_END_LENGTH = 4096;

/** Starts it; it ends with the test, and so does whatever it has mounted. */
export async function startSnapshotter(
  t: TestScope,
  options: OwnSnapshotterOptions = {},
): Promise<OwnSnapshotter> {
  const directory = options.directory ?? temporaryDirectory(t, 'shoal-snapshotter-');
  mkdirSync(directory, { recursive: true });
  const daemon = ownDaemon(t, directory);
  const env = { ...daemon.env, ...options.env };
  const program = options.program ?? join(root, 'bin', 'shoal');
  writeFileSync(join(directory, 'config.toml'), options.config ?? '');
  const snapshotter = new ForegroundSnapshotter({ ...daemon, env }, directory, program);
  t.teardown(() => snapshotter.stop());
  await snapshotter.start();
  return snapshotter;
}

class ForegroundSnapshotter implements OwnSnapshotter {
  readonly env: NodeJS.ProcessEnv;
  readonly root: string;
  readonly run: string;
  readonly socket: string;
  readonly #configFile: string;
  readonly #logFile: string;
  readonly #program: string;
  #child: ChildProcess | undefined;

  constructor(daemon: OwnDaemon, directory: string, program: string) {
    this.env = daemon.env;
    this.root = daemon.root;
    this.run = daemon.run;
    this.socket = join(daemon.run, 'snapshotter.sock');
    this.#configFile = join(directory, 'config.toml');
    this.#logFile = join(directory, 'log');
    this.#program = program;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  log(): string {
    return readFileSync(this.#logFile, 'utf8');
  }

  async start(): Promise<void> {
    const fd = openSync(this.#logFile, 'a');
    const child = spawn(this.#program, ['snapshotter', '--config', this.#configFile], {
      env: this.env,
      stdio: ['ignore', fd, fd],
    });
    closeSync(fd);
    this.#child = child;
    let state = 'it still runs';
    const forget = (how: string) => {
      state = how;
      if (this.#child === child) this.#child = undefined;
    };
    child.once('error', (error) => forget(error.message));
    child.once('exit', (code, signal) => forget(`it ended with ${signal ?? code}`));
    const giveUpAt = Date.now() + START_MS_MAX;
    while (!(await accepts(this.socket))) {
      if (this.#child !== child || Date.now() > giveUpAt) {
        const log = this.log().slice(-LOG_END_LENGTH);
        throw new Error(`shoal snapshotter does not start: ${state}\n${log}`);
      }
      await sleep(25);
    }
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill(signal);
    await ended;
  }
}

function accepts(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = createConnection(socket);
    connection.once('connect', () => {
      connection.destroy();
      resolve(true);
    });
    connection.once('error', () => resolve(false));
  });
}
