/**
 * A service manager as systemd is one, in the test's process: a datagram socket for notifications, a
 * store of descriptors by name, and services that get them back when they start.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { bindUnixSocket, openUnixSocket, receiveWithFds } from '@shoal/linux/syscalls-socket';
import { type TestScope, until } from '@shoal/test-kit';
import { SHOAL } from './shoal-command.ts';

export type TestServiceManager = {
  /** Starts `shoal` with these arguments; resolves when it says that it is ready. */
  start(args: readonly string[]): Promise<void>;
  /** Names of the descriptors in the store. */
  names(): string[];
  /** `READY=1` and the like, in the order they came. */
  states(): string[];
};

const TAKE_MS = 20;
const RESTART_MS = 200;

export type ServiceManagerOptions = {
  /** What it starts. @default `bin/shoal` of this checkout */
  readonly program?: string;
  /** Whether a service that ends is started again, as `Restart=always` says. @default false */
  readonly isRestarting?: boolean;
};

export function startServiceManager(
  t: TestScope,
  path: string,
  options: ServiceManagerOptions = {},
): TestServiceManager {
  const socket = openUnixSocket('datagram');
  bindUnixSocket(socket, path);
  const store = new Map<string, number>();
  const states: string[] = [];
  const takeAll = () => {
    for (;;) {
      const message = receiveWithFds(socket, 4096, { wait: false });
      if (message === undefined) return;
      obey(Object.fromEntries(assignmentsOf(message.bytes)), message.fds, store, states);
    }
  };
  const timer = setInterval(takeAll, TAKE_MS);
  let isOver = false;
  const run = (args: readonly string[]) => {
    takeAll();
    startService(options.program ?? SHOAL, args, path, store).once('exit', () => {
      if (options.isRestarting !== true) return;
      setTimeout(() => isOver || run(args), RESTART_MS).unref();
    });
  };
  t.teardown(() => {
    clearInterval(timer);
    isOver = true;
    for (const fd of [socket, ...store.values()]) closeSync(fd);
  });
  return {
    names: () => [...store.keys()].toSorted(),
    states: () => [...states],
    start: async (args) => {
      states.length = 0;
      run(args);
      await until('the service is ready', () => states.includes('READY=1'));
    },
  };
}

function assignmentsOf(bytes: Buffer): [string, string][] {
  return String(bytes)
    .split('\n')
    .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]);
}

function obey(
  message: Readonly<Record<string, string>>,
  fds: readonly number[],
  store: Map<string, number>,
  states: string[],
): void {
  const { FDNAME: name = '', FDSTORE, FDSTOREREMOVE, ...rest } = message;
  const [fd] = fds;
  if (FDSTORE === '1' && fd !== undefined) {
    // A name that is there already stands for the same file, as after a restart.
    if (store.has(name)) closeSync(fd);
    else store.set(name, fd);
  } else if (FDSTOREREMOVE === '1') {
    const stored = store.get(name);
    store.delete(name);
    if (stored !== undefined) closeSync(stored);
  } else states.push(...Object.entries(rest).map(([key, value]) => `${key}=${value}`));
}

/** LISTEN_PID is the service's own: the shell has it before it becomes the service. */
function startService(
  program: string,
  args: readonly string[],
  path: string,
  store: Map<string, number>,
): ChildProcess {
  const script = `export LISTEN_PID=$$ LISTEN_FDS=${store.size} LISTEN_FDNAMES=${[...store.keys()].join(':')}; exec "$@"`;
  const stdio = ['ignore', 'ignore', 'inherit', ...store.values()] as const;
  const service = spawn('sh', ['-c', script, 'sh', program, ...args], {
    stdio: [...stdio],
    env: { ...process.env, NOTIFY_SOCKET: path },
  });
  service.unref();
  return service;
}
