/**
 * A daemon as a process: the log, signals, and a word to whoever waits for it. SIGTERM and SIGINT
 * stop it gracefully, a second one at once; SIGHUP (the terminal went away) ends nothing.
 */
import { closeSync, writeSync } from 'node:fs';
import { type NodeConfig, readConfig } from './config.ts';
import { encodeError } from './control-errors.ts';
import { Daemon } from './daemon.ts';
import { type Log, openLog } from './log.ts';
import { daemonPaths } from './paths.ts';

export type RunDaemonOptions = {
  readonly root?: string | undefined;
  readonly run?: string | undefined;
  readonly configFile?: string | undefined;
  /** Where one JSON line says that it is ready, or why it will never be. */
  readonly readyFd?: number | undefined;
  /** Ends it as SIGTERM does. */
  readonly signal?: AbortSignal | undefined;
};

/** Resolves when the daemon has stopped. Throws when it cannot start. */
export async function runDaemon(options: RunDaemonOptions): Promise<void> {
  let daemon: Daemon;
  let log: Log;
  let config: NodeConfig;
  try {
    config = readConfig(options.configFile);
    log = openLog(config.logLevel);
    const paths = daemonPaths({
      root: options.root ?? config.root,
      run: options.run ?? config.run,
    });
    daemon = await Daemon.start({ paths, config, log });
  } catch (error) {
    tell(options.readyFd, encodeError(error).body);
    throw error;
  }
  process.on('SIGHUP', () => reload(options, log));
  process.on('uncaughtException', (error) => dieLoudly(error, log));
  process.on('unhandledRejection', (error) => dieLoudly(error, log));
  tell(options.readyFd, { ready: true });
  await untilAskedToStop(options.signal);
  await daemon.close();
}

/**
 * A bug. Going on could answer readers wrongly; dying makes them wait for the next daemon, which
 * any command starts.
 */
function dieLoudly(error: unknown, log: Log): never {
  log.fatal({ err: error }, 'an unexpected error ends the daemon; mounts stay');
  process.exit(1);
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
    let isAsked = false;
    for (const name of ['SIGTERM', 'SIGINT'] as const) {
      process.on(name, () => {
        if (isAsked) process.exit(1);
        isAsked = true;
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
