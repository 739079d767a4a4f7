/**
 * Connects to public addresses and to trusted servers only: where redirects and token services lead is up
 * to strangers, and a host's own services, its cloud's metadata and its neighbours must not be within
 * their reach.
 */
import { isIP } from 'node:net';
import { formatHostPort } from '@shoal/oci/host-port';
import type { buildConnector } from 'undici';
import { RedirectError } from '../errors.ts';
import { guardedLookup } from './guarded-lookup.ts';
import { isPublicAddress } from './public-address.ts';

type Connector = ReturnType<typeof buildConnector>;

export class PublicOnlyGuard {
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
export const publicLookup = guardedLookup({ isAllowed: isPublicAddress, refusal: notPublic });

function notPublic(host: string): RedirectError {
  return new RedirectError(`${host}: led to an address that is not public`, {
    remedy: 'allow this host by its name and port, if it is yours',
  });
}
