/**
 * A daemon as a process: the log, signals, and a word to whoever waits for it. SIGTERM and SIGINT
 * stop it gracefully, a second one at once; SIGHUP (the terminal went away) ends nothing.
 */
import { closeSync, writeSync } from 'node:fs';
import { ServiceManager } from '@shoal/linux';
import { type NodeConfig, readConfig } from './config/config.ts';
import { type DaemonPaths, daemonPaths } from './config/paths.ts';
import { encodeError } from './control/control-errors.ts';
import { Daemon } from './daemon.ts';
import { SECOND_SIGNAL_MS_MIN } from './limits.ts';
import { type Log, openLog } from './log/log.ts';
import { DaemonExit } from './process/daemon-exit.ts';
import { leaveStartFailure } from './process/start-failure.ts';
import { leaveStopMark } from './process/stop-mark.ts';

export type RunDaemonOptions = {
  readonly root?: string | undefined;
  readonly run?: string | undefined;
  readonly configFile?: string | undefined;
  /** Socket for containerd. */
  readonly address?: string | undefined;
  /** Where one JSON line says that it is ready, or why it will never be. */
  readonly readyFd?: number | undefined;
  /** A command started it. */
  readonly isDetached?: boolean | undefined;
  /** Has the daemon that runs leave, and takes its place. */
  readonly isReplacing?: boolean | undefined;
  /** Ends it as SIGTERM does. */
  readonly signal?: AbortSignal | undefined;
};

/** Resolves when the daemon has stopped. Throws when it cannot start. */
export async function runDaemon(options: RunDaemonOptions): Promise<void> {
  let daemon: Daemon;
  let log: Log;
  let config: NodeConfig;
  let paths: DaemonPaths;
  const manager = ServiceManager.fromEnvironment(process.env, process.pid);
  try {
    config = readConfig(options.configFile);
    paths = daemonPaths(options, process.env, config);
    const { configFile, address, isDetached, isReplacing } = options;
    log = openLog(config.logLevel, 2, { path: isDetached === true ? paths.log : undefined });
    // Who waits for the first one gives a descriptor; a supervisor's later ones have none.
    const isRestart = isDetached === true && options.readyFd === undefined;
    const how = { configFile, address, isDetached, isReplacing, isRestart };
    daemon = await Daemon.start({ paths, config, ...how, log, manager });
  } catch (error) {
    const { body } = encodeError(error);
    tell(options.readyFd, body);
    if (manager.isPresent) leaveStartFailure(daemonPaths(options).run, body.error.message);
    throw error;
  }
  process.on('SIGHUP', () => reload(options, log));
  process.on('uncaughtException', (error) => dieLoudly(error, log));
  process.on('unhandledRejection', (error) => dieLoudly(error, log));
  tell(options.readyFd, { ready: true });
  notify(manager, 'READY=1', log);
  await Promise.race([untilAskedToStop(options.signal), daemon.askedToStop]);
  notify(manager, 'STOPPING=1', log);
  leaveStopMark(paths.run);
  await daemon.close();
}

function notify(manager: ServiceManager, state: string, log: Log): void {
  try {
    manager.notify(state);
  } catch (error) {
    log.warn({ state, reason: String(error) }, 'the service manager was not told');
  }
}

/**
 * A bug. Going on could answer readers wrongly; dying makes them wait for the next daemon, which
 * the supervisor, the service manager or any command starts.
 */
function dieLoudly(error: unknown, log: Log): never {
  log.fatal({ err: error }, 'an unexpected error ends the daemon; mounts stay');
  process.exit(DaemonExit.crashed);
}

/** The log level is what a running daemon can change; everything else needs a restart. */
function reload(options: RunDaemonOptions, log: Log): void {
  try {
    log.level = readConfig(options.configFile).logLevel;
    log.info({ logLevel: log.level }, 'configuration read again');
  } catch (error) {
    log.error({ reason: String(error) }, 'the configuration was not read again');
  }
}

function untilAskedToStop(signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (signal !== undefined) {
      if (signal.aborted) resolve();
      signal.addEventListener('abort', () => resolve(), { once: true });
      return;
    }
    let askedAt: number | undefined;
    for (const name of ['SIGTERM', 'SIGINT'] as const) {
      process.on(name, () => {
        const now = performance.now();
        askedAt ??= now;
        // Whoever stops a whole group reaches the supervisor, too, which passes the signal on.
        if (now - askedAt >= SECOND_SIGNAL_MS_MIN) process.exit(DaemonExit.stopped);
        resolve();
      });
    }
  });
}

function tell(fd: number | undefined, message: object): void {
  if (fd === undefined) return;
  try {
    writeSync(fd, `${JSON.stringify(message)}\n`);
    closeSync(fd);
  } catch {
    // Whoever waited has gone; the daemon stays.
  }
}
