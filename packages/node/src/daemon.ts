/**
 * The daemon of a host: takes the lock, restores the mounts, opens the control socket, and stops
 * without anybody's mount noticing.
 */
import { realpathSync } from 'node:fs';
import { errorCode } from '@shoal/errors';
import { VERSION } from '@shoal/errors/version';
import { ContainerdEndpoint, errorFields, makePrivateDirectory } from '@shoal/snapshotter';
import type { DaemonPaths } from './config/paths.ts';
import { ControlClient } from './control/control-client.ts';
import { type DaemonOptions, openParts } from './daemon-parts.ts';
import { DaemonRunningError, NotRootError } from './errors.ts';
import type { Log } from './log/log.ts';
import { closeFailures } from './process/close-failures.ts';

export class Daemon implements AsyncDisposable {
  /** Everything that is closed with it, the last opened first. */
  readonly #parts: AsyncDisposableStack;
  readonly #log: Log;
  #closing: Promise<void> | undefined;
  /** Resolves when a command has asked the daemon to leave. */
  readonly askedToStop: Promise<void>;

  private constructor(parts: AsyncDisposableStack, log: Log, askedToStop: Promise<void>) {
    this.#parts = parts;
    this.#log = log;
    this.askedToStop = askedToStop;
  }

  /**
   * Ready for requests when it resolves.
   *
   * @throws DaemonRunningError, ERR_SNAPSHOTTER_STATE_LOCKED when another one is there
   */
  static async start(options: DaemonOptions): Promise<Daemon> {
    const { paths, log } = options;
    if (process.getuid?.() !== 0) throw new NotRootError('mounting');
    process.umask(0o077);
    makePrivateDirectory(paths.run);
    if (options.isReplacing === true) await replaceOther(paths, log);
    else await refuseSecond(paths);
    makePrivateDirectory(paths.root);
    // The kernel names mounts so: by another name a restart would not find its images again.
    const root = realpathSync(paths.root);
    await using parts = new AsyncDisposableStack();
    const stop = Promise.withResolvers<void>();
    const real = { ...options, paths: { ...paths, root }, namedRoot: paths.root };
    const address = await openParts(real, parts, stop.resolve);
    const { socket } = paths;
    log.info({ event: 'ready', version: VERSION, root, socket, address }, 'ready');
    return new Daemon(parts.move(), log, stop.promise);
  }

  /** Answers running requests, then leaves the mounts to a successor; what fails is logged. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#log.info({ event: 'stopping' }, 'stopping');
    try {
      await this.#parts.disposeAsync();
    } catch (error) {
      for (const failure of closeFailures(error)) {
        this.#log.error(errorFields(failure), 'a part of the daemon did not close');
      }
    }
    this.#log.info({ event: 'stopped' }, 'stopped; mounts stay');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

async function refuseSecond(paths: DaemonPaths): Promise<void> {
  try {
    const { pid } = await new ControlClient(paths.socket).ping();
    throw new DaemonRunningError(paths.socket, pid);
  } catch (error) {
    if (errorCode(error) !== 'ERR_NODE_NOT_RUNNING') throw error;
  }
}

/** Everything that takes time to load is loaded before the other one is asked to leave. */
async function replaceOther(paths: DaemonPaths, log: Log): Promise<void> {
  await Promise.all([import('./metrics/metrics.ts'), ContainerdEndpoint.load()]);
  try {
    await askToLeave(new ControlClient(paths.socket));
    log.info({ event: 'replacing' }, 'the daemon that runs was asked to leave');
  } catch (error) {
    if (errorCode(error) !== 'ERR_NODE_NOT_RUNNING') throw error;
  }
}

/** Older daemons do not know that they are replaced: they take their socket away. */
async function askToLeave(client: ControlClient): Promise<void> {
  try {
    await client.stop({ isReplaced: true });
  } catch (error) {
    if (errorCode(error) !== 'ERR_NODE_CONTROL_PROTOCOL') throw error;
    await client.stop({});
  }
}
