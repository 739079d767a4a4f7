/** What an upstream is: a registry that is asked, and how clients are told apart from each other. */
import { isHostPort } from '@shoal/oci/host-port';
import type { ClientOptions, StaticRegistry } from '@shoal/registry-client';
import { hostAndPort } from '@shoal/registry-client/upstream';
import { ProxyConfigError } from '../errors.ts';
import { UPSTREAMS_MAX } from '../limits.ts';

/**
 * Whose credentials an upstream sees.
 * - `challenge`: the client's; what the upstream asks for is passed on to it.
 * - `own`: the proxy's, for whoever can reach it.
 * - `node`: the proxy's, for programs of this host only.
 */
export type AuthMode = 'challenge' | 'own' | 'node';

export type UpstreamOptions = {
  /** As references have it, and containerd's `ns=`: `docker.io`, `registry.example:5000`. */
  readonly name: string;
  /** Where it is: `https://registry-1.docker.io`. @default https:// and the name */
  readonly address?: string | undefined;
  /** @default 'challenge' */
  readonly mode?: AuthMode | undefined;
  /** PEM file of certificate authorities trusted beside the usual ones. */
  readonly caFile?: string | undefined;
  /** Accept any certificate. @default false */
  readonly insecure?: boolean | undefined;
  /** For the modes `own` and `node`. @default what Docker's configuration has for the name */
  readonly credentials?: StaticRegistry | undefined;
  /**
   * `host:port` that the upstream may send us to although its address is not public: storage and
   * token services of one's own network. @default none
   */
  readonly redirectHosts?: readonly string[] | undefined;
  /** Directory of Docker's `config.json`, environment. Time limits and trust are the proxy's. */
  readonly client?: Pick<ClientOptions, 'dockerConfigDir' | 'env'> | undefined;
};

/** `host` or `host:port`; what stands in front of a repository in a path. */
const NAME = /^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::\d{1,5})?$/;
const HUB_ALIASES: readonly string[] = ['index.docker.io', 'registry-1.docker.io'];
const HUB_ADDRESS = 'https://registry-1.docker.io';

/** One name for Docker Hub, lower case. */
export function upstreamName(text: string): string {
  const name = text.toLowerCase();
  return HUB_ALIASES.includes(name) ? 'docker.io' : name;
}

/** Throws `ERR_REGISTRY_PROXY_CONFIG`. */
export function checkUpstreams(
  upstreams: readonly UpstreamOptions[],
  standard: string | undefined,
): void {
  if (upstreams.length === 0) throw wrong('no upstream is given', 'name one registry at least');
  if (upstreams.length > UPSTREAMS_MAX) {
    throw wrong(`more than ${UPSTREAMS_MAX} upstreams are given`, 'run several proxies');
  }
  const seen = new Set<string>();
  for (const upstream of upstreams) {
    const name = upstreamName(upstream.name);
    if (!NAME.test(name)) {
      throw wrong(
        `${JSON.stringify(upstream.name)} is not the host of a registry`,
        'write host[:port]',
      );
    }
    if (seen.has(name)) throw wrong(`the upstream ${name} is given twice`, 'leave one of them out');
    seen.add(name);
    addressOf(upstream);
    redirectHostsOf(upstream);
  }
  if (standard !== undefined && !seen.has(upstreamName(standard))) {
    throw wrong(`the default upstream ${standard} is not among the upstreams`, 'add it');
  }
}

/** Throws `ERR_REGISTRY_PROXY_CONFIG`. */
export function addressOf({ name, address }: UpstreamOptions): URL {
  const known = upstreamName(name) === 'docker.io' ? HUB_ADDRESS : `https://${name}`;
  const url = URL.parse(address ?? known);
  const isSound =
    url !== null &&
    (url.protocol === 'https:' || url.protocol === 'http:') &&
    `${url.search}${url.hash}${url.username}${url.password}` === '';
  if (isSound) return url;
  throw wrong(
    `the address of the upstream ${name} is not a plain http or https URL`,
    'write https://HOST[:PORT]; credentials go into their own settings',
  );
}

/** As URLs have them, with their ports. Throws `ERR_REGISTRY_PROXY_CONFIG`. */
export function redirectHostsOf({ name, redirectHosts = [] }: UpstreamOptions): string[] {
  return redirectHosts.map((text) => {
    const url = isHostPort(text) ? URL.parse(`https://${text}`) : null;
    if (url !== null) return hostAndPort(url);
    throw wrong(
      `${JSON.stringify(text)}, where the upstream ${name} may lead to, is no address`,
      'write HOST:PORT or [IPv6]:PORT',
    );
  });
}

function wrong(message: string, remedy: string): ProxyConfigError {
  return new ProxyConfigError(message, { remedy });
}
