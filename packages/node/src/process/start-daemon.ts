/**
 * Starts a daemon that outlives the command and its terminal, or finds the one that runs.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, fstatSync, openSync, renameSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { errorCode } from '@shoal/errors';
import { makePrivateDirectory } from '@shoal/snapshotter/client';
import { configDigest, DEFAULT_CONFIG_FILE, readConfig } from '../config/config.ts';
import { ConfigDiffersError } from '../config/errors.ts';
import type { DaemonPaths } from '../config/paths.ts';
import { ControlClient } from '../control/control-client.ts';
import { decodeError } from '../control/control-errors.ts';
import { errorBodySchema } from '../control/control-protocol.ts';
import { DaemonStartError, NotRootError, StateHeldError } from '../errors.ts';
import { LOG_BYTES_MAX, START_TIMEOUT_MS } from '../limits.ts';
import { isAnotherThere } from './daemon-exit.ts';
import { findStateHolder } from './state-holder.ts';
import { waitForOther } from './wait-for-other.ts';

const MAIN = fileURLToPath(new URL('../daemon-main.ts', import.meta.url));
const SUPERVISOR = fileURLToPath(new URL('./supervisor.sh', import.meta.url));
const READY_FD = 3;
/** As bin/shoal has them: short-lived objects go soon, and memory is given back (idle-memory.ts). */
const NODE_OPTIONS = [
  '--disable-warning=ExperimentalWarning',
  '--max-semi-space-size=4',
  '--expose-gc',
];
/** Without core files, as in supervisor.sh: Node cannot set a limit, a shell can. */
const NO_CORE = ['sh', '-c', 'ulimit -c 0; exec "$@"', 'sh'];
/** Of the C library's allocator: one for each thread keeps a multiple of what is in use. */
const ARENAS = '2';

export type EnsureDaemonOptions = {
  readonly paths: DaemonPaths;
  readonly configFile?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Whether a daemon that is started now shall be started again when it dies. @default true */
  readonly isSupervised?: boolean | undefined;
  /** Hears once, soon, what is waited for when the wait may be long. */
  readonly onWait?: ((what: string) => void) | undefined;
};

export type FoundDaemon = {
  readonly client: ControlClient;
  /** It did not run before. */
  readonly isStarted: boolean;
};

/**
 * The daemon that runs, or one that is started now.
 *
 * @throws DaemonStartError; StateHeldError; ConfigDiffersError when it runs with another configuration than asked for
 */
export async function findOrStartDaemon(options: EnsureDaemonOptions): Promise<FoundDaemon> {
  const client = new ControlClient(options.paths.socket);
  if (!(await answers(client))) {
    if (process.getuid?.() !== 0) throw new NotRootError('mounting');
    makePrivateDirectory(options.paths.run);
    if (await startOrWait(client, options)) return { client, isStarted: true };
  }
  await requireConfig(client, options);
  return { client, isStarted: false };
}

/** A client of the daemon that runs, started now if none does. */
export async function ensureDaemon(options: EnsureDaemonOptions): Promise<ControlClient> {
  return (await findOrStartDaemon(options)).client;
}

/** A daemon of this version in the place of the one that runs. @throws what keeps it from starting */
export async function replaceDaemon(
  options: Omit<EnsureDaemonOptions, 'isSupervised'>,
): Promise<void> {
  makePrivateDirectory(options.paths.run);
  const failure = await launch(options, ['--replace']);
  if (failure !== undefined) throw failure;
}

/** Whether it was started; false: another command was faster, or the one there answers again. */
async function startOrWait(client: ControlClient, options: EnsureDaemonOptions): Promise<boolean> {
  for (;;) {
    // With the state in use a daemon could not start; this says sooner so, and by whom.
    const holder = findStateHolder(options.paths);
    const failure =
      holder === undefined ? await launch(options) : new StateHeldError(options.paths, holder);
    if (failure === undefined) return true;
    if (holder === undefined && !isAnotherThere(failure)) throw failure;
    if (await waitForOther(() => answers(client), { ...options, failure })) return false;
  }
}

/** A file that says the same as what the daemon runs with is as good as the daemon's own. */
async function requireConfig(
  client: ControlClient,
  { paths, configFile }: EnsureDaemonOptions,
): Promise<void> {
  if (configFile === undefined) return;
  const asked = configDigest(readConfig(configFile));
  const running = await client.ping();
  if (running.configDigest === asked) return;
  const unnamed = existsSync(DEFAULT_CONFIG_FILE) ? DEFAULT_CONFIG_FILE : 'the defaults';
  throw new ConfigDiffersError(configFile, running.configFile ?? unnamed, paths.run);
}

async function answers(client: ControlClient): Promise<boolean> {
  try {
    await client.ping();
    return true;
  } catch (error) {
    if (errorCode(error) === 'ERR_NODE_NOT_RUNNING') return false;
    throw error;
  }
}

/** Undefined when the daemon is ready, else why it is not. */
async function launch(
  options: EnsureDaemonOptions,
  flags: readonly string[] = [],
): Promise<Error | undefined> {
  const { paths, configFile, isSupervised = true } = options;
  const log = openLogFile(paths.log);
  const daemon = [
    process.execPath,
    ...NODE_OPTIONS,
    MAIN,
    '--root',
    paths.root,
    '--run',
    paths.run,
    ...flags,
  ];
  if (configFile !== undefined) daemon.push('--config', configFile);
  const [command = '', ...argv] = isSupervised
    ? ['sh', SUPERVISOR, paths.run, ...daemon]
    : [...NO_CORE, ...daemon, '--ready-fd', String(READY_FD)];
  const child = spawn(command, argv, {
    detached: true,
    cwd: '/',
    env: { ...process.env, MALLOC_ARENA_MAX: process.env['MALLOC_ARENA_MAX'] ?? ARENAS },
    stdio: ['ignore', log, log, 'pipe'],
  });
  closeSync(log);
  try {
    const failure = await readiness(child, options);
    // One that ended before it was ready is not tried again, whatever its supervisor makes of it.
    if (failure !== undefined) child.kill();
    return failure;
  } finally {
    child.unref();
  }
}

async function readiness(
  child: ChildProcess,
  { paths, signal }: EnsureDaemonOptions,
): Promise<Error | undefined> {
  const limit = AbortSignal.timeout(START_TIMEOUT_MS);
  const stop = signal === undefined ? limit : AbortSignal.any([signal, limit]);
  const pipe = child.stdio[READY_FD] as Readable;
  const spawned = new Promise<string>((_, reject) => child.once('error', reject));
  try {
    const line = await Promise.race([readLine(pipe, stop), spawned]);
    return decodeReadiness(line, paths);
  } catch (error) {
    if (signal?.aborted === true) throw signal.reason;
    const detail = limit.aborted ? 'it does not get ready' : String(error);
    return new DaemonStartError(detail, paths.log, { cause: error });
  } finally {
    pipe.destroy();
  }
}

async function readLine(pipe: Readable, signal: AbortSignal): Promise<string> {
  const onAbort = () => pipe.destroy(new Error('aborted'));
  signal.addEventListener('abort', onAbort, { once: true });
  let text = '';
  try {
    // Up to the end of the line, not of the pipe: a process the daemon starts may hold it open.
    for await (const part of pipe) {
      text += String(part);
      if (text.includes('\n')) break;
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
  return text;
}

function decodeReadiness(line: string, paths: DaemonPaths): Error | undefined {
  if (line.trim() === '') return new DaemonStartError('it ended at once', paths.log);
  const message: unknown = JSON.parse(line);
  if (errorBodySchema.safeParse(message).success) return decodeError(422, message);
  return undefined;
}

/** Appends; a log that has grown large becomes `.old` first. */
function openLogFile(path: string): number {
  const fd = openSync(path, 'a', 0o600);
  if (fstatSync(fd).size < LOG_BYTES_MAX) return fd;
  closeSync(fd);
  renameSync(path, `${path}.old`);
  return openSync(path, 'a', 0o600);
}
