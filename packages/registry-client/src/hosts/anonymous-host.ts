/**
 * The server that says what anybody may read of a registry: the registry itself, without what this host
 * alone sends there. A mirror answers with its own credentials, and says nothing of others; one of this host
 * hears that nobody of this host asks.
 */
import { FOR_OTHERS } from './for-others.ts';
import { PLAIN_HOST, type RegistryHost } from './registry-host.ts';

/** Of `hosts` as they are asked otherwise, the registry's own server last. */
export function anonymousHost(registry: string, hosts: readonly RegistryHost[]): RegistryHost {
  const own = hosts.at(-1);
  // Where a mirror stands for the registry, the registry is where its name says.
  if (own?.url !== undefined && own.url.host !== registry)
    return { ...PLAIN_HOST, headers: FOR_OTHERS };
  const { url, tls, connectTimeoutMs } = own ?? PLAIN_HOST;
  const headers = FOR_OTHERS;
  return { ...PLAIN_HOST, url, headers, tls: { ...tls, clientPairs: [] }, connectTimeoutMs };
}
