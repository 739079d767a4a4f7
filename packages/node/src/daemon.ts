/**
 * The daemon of a host: takes the lock, restores the mounts, opens the control socket, and stops
 * without anybody's mount noticing.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode } from '@shoal/errors';
import type { ServiceManager } from '@shoal/linux';
import {
  ContainerdEndpoint,
  type LazyImages,
  type MountService,
  makePrivateDirectory,
  StateStore,
} from '@shoal/snapshotter';
import { type Composed, composeService } from './compose.ts';
import { configDigest, type NodeConfig } from './config.ts';
import { ControlClient } from './control-client.ts';
import type { PingAnswer } from './control-protocol.ts';
import { controlRoutes } from './control-routes.ts';
import { ControlServer } from './control-server.ts';
import { DaemonRunningError, NotRootError } from './errors.ts';
import { LOCK_TIMEOUT_MS } from './limits.ts';
import type { Log } from './log.ts';
import type { DaemonPaths } from './paths.ts';
import { VERSION } from './version.ts';

export type DaemonOptions = {
  readonly paths: DaemonPaths;
  readonly config: NodeConfig;
  /** Where the configuration came from; absent: the default file, if it exists. */
  readonly configFile?: string | undefined;
  /** Socket for containerd. @default `snapshotter.sock` in the run directory */
  readonly address?: string | undefined;
  readonly log: Log;
  readonly manager?: ServiceManager | undefined;
};

export class Daemon implements AsyncDisposable {
  readonly #service: MountService;
  readonly #lazy: LazyImages;
  readonly #endpoint: ContainerdEndpoint;
  readonly #server: ControlServer;
  readonly #log: Log;
  #closing: Promise<void> | undefined;
  /** Resolves when a command has asked the daemon to leave. */
  readonly askedToStop: Promise<void>;

  private constructor(
    { service, lazy }: Composed,
    endpoint: ContainerdEndpoint,
    server: ControlServer,
    log: Log,
    askedToStop: Promise<void>,
  ) {
    this.#service = service;
    this.#lazy = lazy;
    this.#endpoint = endpoint;
    this.#server = server;
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
    await refuseSecond(paths);
    makePrivateDirectory(paths.root);
    const state = await openState(paths.root);
    let composed: Composed | undefined;
    let endpoint: ContainerdEndpoint | undefined;
    try {
      composed = await composeService({ ...options, state });
      const { service, lazy } = composed;
      const address = options.address ?? join(paths.run, 'snapshotter.sock');
      const snapshots = { root: paths.root, address, lazy, log };
      endpoint = await ContainerdEndpoint.open(snapshots);
      const stop = Promise.withResolvers<void>();
      const routes = controlRoutes({ service, facts: factsOf(options), stop: stop.resolve });
      const server = await ControlServer.listen(paths.socket, routes, log);
      const { root, socket } = paths;
      log.info({ version: VERSION, root, socket, address }, 'ready');
      return new Daemon(composed, endpoint, server, log, stop.promise);
    } catch (error) {
      await endpoint?.close();
      await composed?.lazy.close();
      await (composed?.service ?? state).close();
      throw error;
    }
  }

  /** Answers running requests, then leaves the mounts to a successor. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#log.info({}, 'stopping');
    await this.#endpoint.close();
    await this.#server.close();
    await this.#lazy.close();
    await this.#service.close();
    this.#log.info({}, 'stopped; mounts stay');
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

/** The lock of a daemon that was just killed goes with its last thread, a moment later. */
async function openState(root: string): Promise<StateStore> {
  const giveUpAt = performance.now() + LOCK_TIMEOUT_MS;
  for (;;) {
    try {
      return await StateStore.open(root);
    } catch (error) {
      const isLocked = errorCode(error) === 'ERR_SNAPSHOTTER_STATE_LOCKED';
      if (!isLocked || performance.now() > giveUpAt) throw error;
    }
    await sleep(50);
  }
}

function factsOf({ paths, config, configFile }: DaemonOptions): PingAnswer {
  return {
    pid: process.pid,
    version: VERSION,
    root: paths.root,
    run: paths.run,
    startedAt: new Date().toISOString(),
    configFile,
    configDigest: configDigest(config),
  };
}
