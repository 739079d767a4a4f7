/**
 * Asks DNS servers which addresses a service has: A and AAAA of a name with a port, SRV of one without.
 * Names are asked for as they are written: no search list is tried.
 */
import { createHash } from 'node:crypto';
import { Resolver } from 'node:dns/promises';
import { Semaphore } from '@shoal/concurrency';
import { errorCode } from '@shoal/errors';
import { formatHostPort } from '@shoal/oci/host-port';
import { DiscoveryLookupError } from './errors.ts';
import {
  DISCOVERED_ADDRESSES_MAX,
  DISCOVERY_LOOKUP_MS_MAX,
  DISCOVERY_LOOKUP_TRIES_MAX,
  DISCOVERY_LOOKUPS_MAX,
  DISCOVERY_RESOLVE_MS_MAX,
} from './limits.ts';
import { formatServiceName, type ServiceName, srvNameOf } from './service-name.ts';

export type ServiceResolverOptions = {
  /** `address` or `address:port` of each; none: the system's. */
  readonly servers?: readonly string[];
  readonly timeoutMs?: number;
  /** For all questions together. @default DISCOVERY_RESOLVE_MS_MAX */
  readonly deadlineMs?: number;
};

export class ServiceResolver {
  readonly #servers: readonly string[];
  readonly #timeoutMs: number;
  readonly #deadlineMs: number;

  constructor(options: ServiceResolverOptions = {}) {
    this.#servers = options.servers ?? [];
    this.#timeoutMs = options.timeoutMs ?? DISCOVERY_LOOKUP_MS_MAX;
    this.#deadlineMs = options.deadlineMs ?? DISCOVERY_RESOLVE_MS_MAX;
  }

  /**
   * Addresses as `host:port`, each once. Of too many every host takes the same ones, so that homes of
   * extents are the same for all. What takes too long is left out. Throws `ERR_P2P_DISCOVERY_LOOKUP`, or
   * the reason of the signal.
   */
  async resolve(service: ServiceName, signal: AbortSignal): Promise<readonly string[]> {
    signal.throwIfAborted();
    // A new one each time: the system's servers may be others by now.
    const resolver = new Resolver({ timeout: this.#timeoutMs, tries: DISCOVERY_LOOKUP_TRIES_MAX });
    if (this.#servers.length > 0) resolver.setServers(this.#servers);
    const ended = AbortSignal.any([signal, AbortSignal.timeout(this.#deadlineMs)]);
    const cancel = () => resolver.cancel();
    ended.addEventListener('abort', cancel, { once: true });
    try {
      const found = await addressesOf(resolver, service, ended);
      signal.throwIfAborted();
      return bounded(found);
    } catch (error) {
      signal.throwIfAborted();
      const detail = errorCode(error) ?? String(error);
      throw new DiscoveryLookupError(formatServiceName(service), detail, { cause: error });
    } finally {
      ended.removeEventListener('abort', cancel);
    }
  }
}

async function addressesOf(
  resolver: Resolver,
  service: ServiceName,
  ended: AbortSignal,
): Promise<string[]> {
  const { name, port } = service;
  if (port !== undefined) return await addressesAt(resolver, name, port);
  const records = await resolver.resolveSrv(srvNameOf(service));
  const lookups = new Semaphore(DISCOVERY_LOOKUPS_MAX);
  const outcomes = await Promise.allSettled(
    records.slice(0, DISCOVERED_ADDRESSES_MAX).map((record) =>
      lookups.run(async () => {
        ended.throwIfAborted();
        return await addressesAt(resolver, record.name, record.port);
      }),
    ),
  );
  const found = outcomes.flatMap((one) => (one.status === 'fulfilled' ? one.value : []));
  const failed = outcomes.find((one) => one.status === 'rejected');
  if (found.length === 0 && failed !== undefined) throw failed.reason;
  return found;
}

/** One of both kinds of address is enough. */
async function addressesAt(resolver: Resolver, name: string, port: number): Promise<string[]> {
  const [ipv4, ipv6] = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
  if (ipv4.status === 'rejected' && ipv6.status === 'rejected') throw ipv4.reason;
  const hosts = [ipv4, ipv6].flatMap((one) => (one.status === 'fulfilled' ? one.value : []));
  return hosts.map((host) => formatHostPort({ host, port }));
}

function bounded(addresses: readonly string[]): string[] {
  const all = [...new Set(addresses)];
  if (all.length <= DISCOVERED_ADDRESSES_MAX) return all;
  const scored = all.map((address) => ({ address, score: scoreOf(address) }));
  scored.sort((a, b) => (a.score < b.score ? -1 : 1));
  return scored.slice(0, DISCOVERED_ADDRESSES_MAX).map(({ address }) => address);
}

function scoreOf(address: string): string {
  return createHash('sha256').update(address).digest('hex');
}
