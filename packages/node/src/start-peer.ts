/**
 * A host that does nothing but share: it keeps stored bytes, serves and fetches as a seed or a peer, and makes
 * images ready; no mounts, no containerd, no control socket. The same parts as in a daemon with `[peer]`.
 */
import { formatHostPort, type HostPort } from '@shoal/oci/host-port';
import type { PeerStatus } from '@shoal/p2p-peer';
import { readConfigWith } from './config/config.ts';
import { NothingToShareError } from './config/errors.ts';
import { daemonPaths } from './config/paths.ts';
import { PEER_DRAIN_MS } from './limits.ts';
import { openLog } from './log/log.ts';
import { MetricsServer } from './metrics/metrics-server.ts';
import { PartMetrics } from './metrics/part-metrics.ts';
import { PeerMetrics } from './metrics/peer-metrics.ts';
import { type HostPeer, openHostPeer } from './peers/open-host-peer.ts';
import { accessOptionsOf, openRegistryAccess, registryLimitOf } from './registry-access.ts';

export type StartPeerOptions = {
  readonly root?: string | undefined;
  /** @default the usual file, if it exists */
  readonly configFile?: string | undefined;
  /** Keys of `[peer]`, as the file has them; they go before the file's. */
  readonly peer: Readonly<Record<string, unknown>>;
  /** @default `[metrics] address`; nowhere without one */
  readonly metricsAddress?: HostPort | undefined;
};

export class RunningPeer implements AsyncDisposable {
  readonly #peer: HostPeer;
  readonly #owned: AsyncDisposableStack;
  /** `host:port`; undefined: none are served. */
  readonly metricsAddress: string | undefined;

  constructor(peer: HostPeer, owned: AsyncDisposableStack, metricsAddress: string | undefined) {
    this.#peer = peer;
    this.#owned = owned;
    this.metricsAddress = metricsAddress;
  }

  status(): PeerStatus {
    return this.#peer.status();
  }

  /** Lets what was promised to others leave; nothing more is promised. */
  async drain(): Promise<void> {
    await this.#peer.drain(PEER_DRAIN_MS);
  }

  /** Tells trackers, ends wires, makes what is held durable. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.disposeAsync();
  }
}

/** Listens when it resolves. Throws `ERR_NODE_CONFIG`, `ERR_NODE_PEER_OPTION`, `ERR_NODE_NOTHING_TO_SHARE`, and what `openPeer` does. */
export async function startPeer(options: StartPeerOptions): Promise<RunningPeer> {
  const config = readConfigWith(options.configFile, options.peer);
  if (config.peer === undefined) throw new NothingToShareError();
  const paths = daemonPaths(options, process.env, config);
  const log = openLog(config.logLevel);
  await using opened = new AsyncDisposableStack();
  // There are no pods whose secrets could come here.
  const alone = { ...config, imageServiceAddress: undefined };
  const registries = accessOptionsOf(config, await openRegistryAccess(alone, paths, log));
  const limit = registryLimitOf(config);
  const metrics = new PartMetrics((set) => new PeerMetrics(set));
  const peer = await openHostPeer({
    ...{ config: config.peer, root: paths.root, registries, log },
    shape: (source) => limit?.over(source) ?? source,
    onBlock: metrics.part.blockArrived,
    cacheBytes: () => 0,
    isCached: () => false,
  });
  opened.defer(() => peer.close());
  metrics.watch((part) => part.ask(peer.status()));
  const address = options.metricsAddress ?? config.metricsAddress;
  if (address === undefined) return new RunningPeer(peer, opened.move(), undefined);
  const server = await MetricsServer.listen(address, metrics, (error) =>
    log.error({ event: 'metrics-failed', err: error }, 'metrics were not written'),
  );
  opened.use(server);
  const at = formatHostPort({ ...address, port: server.port });
  return new RunningPeer(peer, opened.move(), at);
}
