/** `shoal snapshotter` of the test's own, in the foreground of nobody: a child of the test. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { type TestScope, temporaryDirectory } from '@shoal/test-kit';
import { type OwnDaemon, ownDaemon } from './own-daemon.ts';
import { OwnProgram } from './own-program.ts';
import { SHOAL } from './shoal-command.ts';

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

/** Starts it; it ends with the test, and so does whatever it has mounted. */
export async function startSnapshotter(
  t: TestScope,
  options: OwnSnapshotterOptions = {},
): Promise<OwnSnapshotter> {
  const directory = options.directory ?? temporaryDirectory(t, 'shoal-snapshotter-');
  mkdirSync(directory, { recursive: true });
  const daemon = ownDaemon(t, directory);
  const env = { ...daemon.env, ...options.env };
  const configFile = join(directory, 'config.toml');
  writeFileSync(configFile, options.config ?? '');
  const socket = join(daemon.run, 'snapshotter.sock');
  const child = new OwnProgram({
    name: 'shoal snapshotter',
    program: options.program ?? SHOAL,
    args: ['snapshotter', '--config', configFile],
    env,
    logFile: join(directory, 'log'),
  });
  const start = () => child.start(() => accepts(socket));
  const stop = (signal?: NodeJS.Signals) => child.stop(signal);
  t.teardown(() => stop());
  await start();
  const { run } = daemon;
  return {
    ...{ env, root: daemon.root, run, socket, start, stop },
    log: () => child.log(),
    get pid() {
      return child.pid;
    },
  };
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
