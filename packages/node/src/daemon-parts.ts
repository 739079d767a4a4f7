/** The parts of a daemon, opened one after the other: state, listener, mounts, what answers requests. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode, isRetryable } from '@shoal/errors';
import { VERSION } from '@shoal/errors/version';
import type { ServiceManager } from '@shoal/linux';
import { ContainerdEndpoint, KeptListener, StateStore } from '@shoal/snapshotter';
import { serveApi } from './api/serve-api.ts';
import { CacheCollector } from './cache/cache-collector.ts';
import { policyOf } from './cache/configured-policy.ts';
import { type Composed, type ComposeInput, composeService } from './compose.ts';
import { configDigest, type NodeConfig } from './config/config.ts';
import type { DaemonPaths } from './config/paths.ts';
import type { PingAnswer } from './control/control-protocol.ts';
import { controlRoutes } from './control/control-routes.ts';
import { ControlServer } from './control/control-server.ts';
import { CredentialStates } from './credential-states.ts';
import type { ImageServiceProxy } from './cri/image-service-proxy.ts';
import type { RememberedCredentials } from './cri/remembered-credentials.ts';
import { IdleMemory } from './idle-memory.ts';
import { LOCK_TIMEOUT_MS, REPLACE_TIMEOUT_MS } from './limits.ts';
import type { Log } from './log/log.ts';
import { serveMetrics } from './metrics/serve-metrics.ts';
import { claimRun } from './process/run-owner.ts';
import { ServingMark } from './process/state-holder.ts';
import { takeStopMark } from './process/stop-mark.ts';
import { serveProxy } from './proxy/serve-proxy.ts';
import { openRegistryAccess } from './registry-access.ts';
import { ownHome } from './upgrade/installed-versions.ts';

export type DaemonOptions = {
  readonly paths: DaemonPaths;
  /** What commands call the root, whose path may lead over symbolic links. @default the path itself */
  readonly namedRoot?: string | undefined;
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

/** In this order, closed in the other one. The answer is the address for containerd. */
export async function openParts(
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
  const composed = await openService(options, observers, { state, listener });
  parts.use(composed.service);
  parts.use(composed.lazy);
  // Before the state is anybody's: the next daemon must not adopt a socket that is being taken away.
  parts.defer(() => listener.close());
  await openServing(options, parts, { ...observers, composed, listener, address, stop });
  return address;
}

type Served = Observers & {
  readonly composed: Composed;
  readonly listener: KeptListener;
  /** Where containerd connects. */
  readonly address: string;
  readonly stop: () => void;
};

/** What answers requests: of scrapers, containerd, kubelet, and of commands. */
async function openServing(
  options: DaemonOptions,
  parts: AsyncDisposableStack,
  { metrics, credentials, registries, memory, composed, listener, address, stop }: Served,
): Promise<void> {
  const { paths, config, log } = options;
  const { service, lazy, caches, peer, limit } = composed;
  const collector = parts.use(new CacheCollector(caches, policyOf(config), log));
  parts.use(await serveMetrics(metrics, config.metricsAddress, log));
  const { dockerConfigDirectory, caFile } = config;
  const proxy = await serveProxy({
    ...{ config: config.proxy, root: paths.root, dockerConfigDirectory, caFile, peer, limit, log },
    onRequest: metrics.requestMirrored,
  });
  parts.use(proxy);
  const { access, codecs } = composed;
  const api = await serveApi({
    ...{ config: config.api, access, peer, limit, codecs, caFile, log },
  });
  parts.use(api);
  const onRequest: typeof metrics.requestFinished = (request) => {
    metrics.requestFinished(request);
    memory.touch();
  };
  const { fd: listeningFd } = listener;
  const snapshots = { root: paths.root, address, listeningFd, lazy, log, onRequest };
  const endpoint = parts.use(await ContainerdEndpoint.open(snapshots));
  const routes = controlRoutes({
    ...{ service, lazy, snapshots: endpoint.service, credentials, metrics, address, stop },
    ...{
      caches,
      collector,
      peer,
      wanted: config,
      proxyHost: proxy?.host,
      apiAddress: api?.address,
      leaveSocket: () => listener.leave(),
    },
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

type Observers = Pick<ComposeInput, 'metrics' | 'credentials' | 'registries' | 'memory'>;

/** The service owns the state from when it is there. */
async function openService(
  options: DaemonOptions,
  observers: Observers,
  { state, listener }: { readonly state: StateStore; readonly listener: KeptListener },
): Promise<Composed> {
  try {
    return await composeService({ ...options, ...observers, state });
  } catch (error) {
    // Whoever waits at the socket waits for the next start, if that may do better.
    if (isRetryable(error)) listener.leave();
    await listener.close();
    await state.close();
    throw error;
  }
}

/** The lock of a daemon that was just killed goes with its last thread, a moment later. */
async function openState(options: DaemonOptions): Promise<StateStore> {
  const { paths, isReplacing, isRestart, manager } = options;
  const state = await waitForState(
    paths.root,
    isReplacing === true ? REPLACE_TIMEOUT_MS : LOCK_TIMEOUT_MS,
  );
  try {
    claimRun(paths, manager);
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
  const { paths, namedRoot, config, configFile, manager, isDetached } = options;
  const isManaged = manager?.isPresent === true;
  return {
    pid: process.pid,
    version: VERSION,
    root: namedRoot ?? paths.root,
    run: paths.run,
    startedAt: new Date().toISOString(),
    configFile,
    configDigest: configDigest(config),
    home: ownHome(),
    startedBy: isManaged ? 'service-manager' : isDetached === true ? 'command' : 'user',
  };
}
