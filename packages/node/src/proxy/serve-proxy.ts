/**
 * The mirror of registries that runtimes of this host are pointed at, where the configuration has one.
 * Layers come through this host's peers, where it has any, and within the limit of all that the daemon
 * fetches from registries.
 */
import { join } from 'node:path';
import type { RateLimit } from '@shoal/blob-store';
import { parseHostPort } from '@shoal/oci/host-port';
import type { BlobSourceFactory, ProxyEvent } from '@shoal/registry-proxy';
import { errorFields } from '@shoal/snapshotter';
import type { ProxyConfig } from '../config/proxy-config.ts';
import type { Log } from '../log/log.ts';
import type { HostPeer } from '../peers/open-host-peer.ts';

export type ServeProxyInput = {
  readonly config: ProxyConfig | undefined;
  readonly root: string;
  readonly dockerConfigDirectory: string | undefined;
  /** Of authorities that registries may have, where an upstream names none of its own. */
  readonly caFile: string | undefined;
  readonly peer: Pick<HostPeer, 'source'> | undefined;
  readonly limit: Pick<RateLimit, 'over'> | undefined;
  /** Told of every request once it is answered. */
  readonly onRequest: (event: ProxyEvent) => void;
  readonly log: Log;
};

export type ServedProxy = AsyncDisposable & { readonly host: string };

/** An address that is taken keeps no mount from being served: the log says it. */
export async function serveProxy(input: ServeProxyInput): Promise<ServedProxy | undefined> {
  const { config, root, dockerConfigDirectory, caFile, onRequest, limit, log } = input;
  if (config === undefined) return undefined;
  const { RegistryProxy } = await import('@shoal/registry-proxy');
  const { patienceTimes } = await import('@shoal/p2p-peer');
  const { host, port } = parseHostPort(config.listen);
  const client = { dockerConfigDir: dockerConfigDirectory };
  try {
    const proxy = await RegistryProxy.listen({
      ...{ host, port, standard: config.standard },
      upstreams: config.upstreams.map((upstream) => ({
        ...upstream,
        caFile: upstream.caFile ?? caFile,
        client,
      })),
      manifestDirectory: join(root, 'manifests'),
      blobSource: blobSourceOf(input),
      patienceTimes,
      shapeOrigin: limit === undefined ? undefined : (origin) => limit.over(origin),
      onRequest: (event) => {
        onRequest(event);
        if (event.error === undefined) return;
        log.warn({ event: 'proxy-request-failed', request: event }, 'a mirrored request failed');
      },
    });
    log.info({ event: 'proxy-served', address: proxy.host }, 'registries are mirrored');
    return proxy;
  } catch (error) {
    log.error({ event: 'proxy-not-served', ...errorFields(error) }, 'registries are not mirrored');
    return undefined;
  }
}

/** Undefined without peers: where there is no limit either, the rest of a blob may come in one transfer. */
function blobSourceOf({ peer }: Pick<ServeProxyInput, 'peer'>): BlobSourceFactory | undefined {
  if (peer === undefined) return undefined;
  return ({ upstream, repository, origin }) =>
    peer.source(origin, `${upstream}/${repository}`, 'believing');
}
