/**
 * Asks DNS servers which addresses a service has: A and AAAA of a name with a port, SRV of one without.
 * Names are asked for as they are written: no search list is tried.
 */
import { createHash } from 'node:crypto';
import { Resolver } from 'node:dns/promises';
import { errorCode } from '@shoal/errors';
import { formatHostPort } from '@shoal/oci/host-port';
import { DISCOVERED_ADDRESSES_MAX, DISCOVERY_LOOKUP_MS_MAX } from '../limits.ts';
import { DiscoveryLookupError } from './errors.ts';
import { formatServiceName, type ServiceName, srvNameOf } from './service-name.ts';

export type ServiceResolverOptions = {
  /** `address` or `address:port` of each; none: the system's. */
  readonly servers?: readonly string[];
  readonly timeoutMs?: number;
};

const TRIES = 2;

export class ServiceResolver {
  readonly #servers: readonly string[];
  readonly #timeoutMs: number;

  constructor({ servers = [], timeoutMs = DISCOVERY_LOOKUP_MS_MAX }: ServiceResolverOptions = {}) {
    this.#servers = servers;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * Addresses as `host:port`, each once. Of too many every host takes the same ones, so that homes of
   * extents are the same for all. Throws `ERR_P2P_DISCOVERY_LOOKUP`, or the reason of the signal.
   */
  async resolve(service: ServiceName, signal: AbortSignal): Promise<readonly string[]> {
    signal.throwIfAborted();
    // A new one each time: the system's servers may be others by now.
    const resolver = new Resolver({ timeout: this.#timeoutMs, tries: TRIES });
    if (this.#servers.length > 0) resolver.setServers(this.#servers);
    const cancel = () => resolver.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    try {
      return bounded(await addressesOf(resolver, service));
    } catch (error) {
      signal.throwIfAborted();
      const detail = errorCode(error) ?? String(error);
      throw new DiscoveryLookupError(formatServiceName(service), detail, { cause: error });
    } finally {
      signal.removeEventListener('abort', cancel);
    }
  }
}

async function addressesOf(resolver: Resolver, service: ServiceName): Promise<string[]> {
  const { name, port } = service;
  if (port !== undefined) return await addressesAt(resolver, name, port);
  const records = await resolver.resolveSrv(srvNameOf(service));
  const found: string[] = [];
  let failure: unknown;
  // One after the other: each is two questions, and nobody waits.
  for (const record of records.slice(0, DISCOVERED_ADDRESSES_MAX)) {
    try {
      found.push(...(await addressesAt(resolver, record.name, record.port)));
    } catch (error) {
      failure = error;
    }
  }
  if (found.length === 0 && failure !== undefined) throw failure;
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
