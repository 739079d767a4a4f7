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
  KeptListener,
  makePrivateDirectory,
  StateStore,
} from '@shoal/snapshotter';
import { CacheCollector } from './cache/cache-collector.ts';
import { policyOf } from './cache/configured-policy.ts';
import { type Composed, type ComposeInput, composeService } from './compose.ts';
import { configDigest, type NodeConfig } from './config/config.ts';
import type { DaemonPaths } from './config/paths.ts';
import { ControlClient } from './control/control-client.ts';
import type { PingAnswer } from './control/control-protocol.ts';
import { controlRoutes } from './control/control-routes.ts';
import { ControlServer } from './control/control-server.ts';
import { CredentialStates } from './credential-states.ts';
import type { ImageServiceProxy } from './cri/image-service-proxy.ts';
import type { RememberedCredentials } from './cri/remembered-credentials.ts';
import { DaemonRunningError, NotRootError } from './errors.ts';
import { IdleMemory } from './idle-memory.ts';
import { LOCK_TIMEOUT_MS, REPLACE_TIMEOUT_MS } from './limits.ts';
import type { Log } from './log/log.ts';
import { serveMetrics } from './metrics/serve-metrics.ts';
import { ServingMark } from './process/state-holder.ts';
import { takeStopMark } from './process/stop-mark.ts';
import { openRegistryAccess } from './registry-access.ts';
import { ownHome } from './upgrade/installed-versions.ts';
import { VERSION } from './version.ts';

export type DaemonOptions = {
  readonly paths: DaemonPaths;
  readonly config: NodeConfig;
  /** Where the configuration came from; absent: the default file, if it exists. */
  readonly configFile?: string | undefined;
  /** Socket for containerd. @default the configuration's, then `snapshotter.sock` in the run directory */
  readonly address?: string | undefined;
  readonly log: Log;
  readonly manager?: ServiceManager | undefined;
  /** A command started it, and its supervisor keeps it. */
  readonly isDetached?: boolean | undefined;
  /** Its supervisor started it because the last one died. */
  readonly isRestart?: boolean | undefined;
  /** Has the daemon that runs leave, and takes its place. */
  readonly isReplacing?: boolean | undefined;
};

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
    await using parts = new AsyncDisposableStack();
    const stop = Promise.withResolvers<void>();
    const address = await openParts(options, parts, stop.resolve);
    const { root, socket } = paths;
    log.info({ event: 'ready', version: VERSION, root, socket, address }, 'ready');
    return new Daemon(parts.move(), log, stop.promise);
  }

  /** Answers running requests, then leaves the mounts to a successor. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#log.info({ event: 'stopping' }, 'stopping');
    await this.#parts.disposeAsync();
    this.#log.info({ event: 'stopped' }, 'stopped; mounts stay');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** In this order, closed in the other one. The answer is the address for containerd. */
async function openParts(
  options: DaemonOptions,
  parts: AsyncDisposableStack,
  stop: () => void,
): Promise<string> {
  const { paths, config, log } = options;
  // Loaded by a daemon only: commands need no metrics.
  const { Metrics } = await import('./metrics/metrics.ts');
  const metrics = new Metrics();
  const credentials = new CredentialStates(metrics.credentialsRenewed);
  const registries = await openRegistryAccess(config, paths, log);
  if (registries.remembered !== undefined) parts.use(registries.remembered);
  const address = addressOf(options);
  // Ahead, while files are waited for; who needs it waits for it and hears of a failure.
  ContainerdEndpoint.load().catch(() => undefined);
  const state = await openState(options);
  const listener = await openListener(options, address, state);
  parts.use(listener);
  const memory = parts.use(new IdleMemory());
  const observers = { metrics, credentials, registries, memory };
  const { service, lazy, caches } = await openService(options, observers, state);
  parts.use(service);
  parts.use(lazy);
  const collector = parts.use(new CacheCollector(caches, policyOf(config), log));
  parts.use(await serveMetrics(metrics, config.metricsAddress, log));
  const onRequest: typeof metrics.requestFinished = (request) => {
    metrics.requestFinished(request);
    memory.touch();
  };
  const { fd: listeningFd } = listener;
  const snapshots = { root: paths.root, address, listeningFd, lazy, log, onRequest };
  const endpoint = parts.use(await ContainerdEndpoint.open(snapshots));
  const routes = controlRoutes({
    ...{ service, lazy, snapshots: endpoint.service, credentials, metrics, address, stop },
    ...{ caches, collector, leaveSocket: () => listener.leave() },
    giveUpSocket: () => listener.giveUp(),
    facts: factsOf(options),
    containerdAddress: config.containerdAddress,
  });
  const images = await serveImages(config, registries.remembered, log);
  if (images !== undefined) parts.use(images);
  parts.use(await ControlServer.listen(paths.socket, routes, log));
  parts.use(new ServingMark(paths.run));
  void listener.keep();
  // Before the server closes the socket: it is being handed over until then.
  parts.defer(() => listener.settled());
  return address;
}

function addressOf({ address, config, paths }: DaemonOptions): string {
  return address ?? config.snapshotterAddress ?? join(paths.run, 'snapshotter.sock');
}

/** Undefined when nobody is to be served. */
async function serveImages(
  { imageServiceAddress: address, imageServiceUpstream: upstream }: NodeConfig,
  remembered: RememberedCredentials | undefined,
  log: Log,
): Promise<ImageServiceProxy | undefined> {
  if (address === undefined || remembered === undefined) return undefined;
  const { ImageServiceProxy } = await import('./cri/image-service-proxy.ts');
  const proxy = await ImageServiceProxy.listen({ address, upstream, remembered, log });
  log.info({ event: 'image-service', address, upstream }, 'the image service for kubelet listens');
  return proxy;
}

/** Early: containerd waits from now on, instead of being refused. */
async function openListener(
  { paths, manager, log }: DaemonOptions,
  path: string,
  state: StateStore,
): Promise<KeptListener> {
  const stateDirectory = join(paths.run, 'socket');
  const fdStore = manager?.isPresent === true ? manager : undefined;
  try {
    return await KeptListener.open({ path, stateDirectory, fdStore, log });
  } catch (error) {
    await state.close();
    throw error;
  }
}

/** The service owns the state from when it is there. */
async function openService(
  options: DaemonOptions,
  observers: Pick<ComposeInput, 'metrics' | 'credentials' | 'registries' | 'memory'>,
  state: StateStore,
): Promise<Composed> {
  try {
    return await composeService({ ...options, ...observers, state });
  } catch (error) {
    await state.close();
    throw error;
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

/** The lock of a daemon that was just killed goes with its last thread, a moment later. */
async function openState(options: DaemonOptions): Promise<StateStore> {
  const { paths, isReplacing, isRestart } = options;
  const state = await waitForState(
    paths.root,
    isReplacing === true ? REPLACE_TIMEOUT_MS : LOCK_TIMEOUT_MS,
  );
  try {
    takeStopMark(paths.run, isRestart === true);
    return state;
  } catch (error) {
    await state.close();
    throw error;
  }
}

async function waitForState(root: string, timeoutMs: number): Promise<StateStore> {
  const giveUpAt = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await StateStore.open(root);
    } catch (error) {
      const isLocked = errorCode(error) === 'ERR_SNAPSHOTTER_STATE_LOCKED';
      if (!isLocked || performance.now() > giveUpAt) throw error;
    }
    await sleep(20);
  }
}

function factsOf(options: DaemonOptions): PingAnswer {
  const { paths, config, configFile, manager, isDetached } = options;
  const isManaged = manager?.isPresent === true;
  return {
    pid: process.pid,
    version: VERSION,
    root: paths.root,
    run: paths.run,
    startedAt: new Date().toISOString(),
    configFile,
    configDigest: configDigest(config),
    home: ownHome(),
    startedBy: isManaged ? 'service-manager' : isDetached === true ? 'command' : 'user',
  };
}
