/**
 * Which addresses are of the public Internet, and a guard that connects to no other: where redirects
 * and token services lead is up to strangers, and a host's own services, its cloud's metadata and its
 * neighbours must not be within their reach. Ranges: IANA special-purpose registries (RFC 6890).
 */
import { BlockList, isIP } from 'node:net';
import { formatHostPort } from '@shoal/oci/host-port';
import type { buildConnector } from 'undici';
import { RedirectError } from '../errors.ts';
import { checkedLookup } from './checked-lookup.ts';

const SPECIAL_IPV4 =
  '0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24' +
  ' 192.0.2.0/24 192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24' +
  ' 224.0.0.0/4 240.0.0.0/4';
/** Inside 2000::/3: Teredo and its neighbours, documentation, 6to4. */
const SPECIAL_IPV6 = '2001::/23 2001:db8::/32 2002::/16 3fff::/20';

const specialIpv4 = listOf(SPECIAL_IPV4, 'ipv4');
const specialIpv6 = listOf(SPECIAL_IPV6, 'ipv6');
const globalIpv6 = listOf('2000::/3', 'ipv6');

function listOf(ranges: string, family: 'ipv4' | 'ipv6'): BlockList {
  const list = new BlockList();
  for (const range of ranges.split(' ')) {
    const [network = '', bits] = range.split('/');
    list.addSubnet(network, Number(bits), family);
  }
  return list;
}

/** False for everything that is not an address, too. IPv4 inside of IPv6 is not public either. */
export function isPublicAddress(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return !specialIpv4.check(address, 'ipv4');
    case 6:
      return globalIpv6.check(address, 'ipv6') && !specialIpv6.check(address, 'ipv6');
    default:
      return false;
  }
}

type Connector = ReturnType<typeof buildConnector>;

export class AddressGuard {
  readonly #trustedHosts: ReadonlySet<string>;

  /** `host:port`, `[IPv6]:port` of servers that may have any address, in lower case as URLs have them. */
  constructor(trustedHosts: ReadonlySet<string>) {
    this.#trustedHosts = trustedHosts;
  }

  /** Throws for an address that is not public; a name is checked when it is looked up. */
  check(url: URL): void {
    const host = url.hostname.replace(/^\[|\]$/g, '');
    if (this.#isTrusted(host, url.port, url.protocol)) return;
    if (isIP(host) === 0 ? isLocalName(host) : !isPublicAddress(host)) throw notPublic(host);
  }

  /** Connects to trusted servers wherever they are, to others at public addresses only. */
  connector(
    build: typeof buildConnector,
    options: Parameters<typeof buildConnector>[0],
  ): Connector {
    const open = build(options);
    const guarded = build({ ...options, lookup: publicLookup });
    return (target, callback) => {
      const host = target.hostname.replace(/^\[|\]$/g, '');
      if (this.#isTrusted(host, target.port, target.protocol)) return open(target, callback);
      if (isIP(host) !== 0 && !isPublicAddress(host)) return callback(notPublic(host), null);
      return guarded(target, callback);
    };
  }

  #isTrusted(host: string, port: string, protocol: string): boolean {
    const number = port || (protocol === 'https:' ? '443' : '80');
    return this.#trustedHosts.has(formatHostPort({ host, port: Number(number) }));
  }
}

function isLocalName(host: string): boolean {
  return /(?:^|\.)localhost\.?$/i.test(host);
}

/** As `dns.lookup`; fails when any of the addresses is not public. */
export const publicLookup = checkedLookup({ isAllowed: isPublicAddress, refusal: notPublic });

function notPublic(host: string): RedirectError {
  return new RedirectError(`${host}: led to an address that is not public`, {
    remedy: 'allow this host by its name and port, if it is yours',
  });
}
