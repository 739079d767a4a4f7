/**
 * Keeps URLs that other servers name (redirects, uploads, token services) away from local addresses: whoever
 * is elsewhere must not have requests sent to services of this machine, whatever name stands for the
 * address. A server of this machine itself may.
 */
import type { LookupFunction } from 'node:net';
import type { buildConnector } from 'undici';
import { RedirectError } from '../errors.ts';
import { SERVERS_REMEMBERED_MAX } from '../limits.ts';
import { guardedLookup } from './guarded-lookup.ts';
import { isLocalAddress, isLocalHostname } from './local-address.ts';
import { isLoopbackHost } from './proxy-environment.ts';

type Build = typeof buildConnector;
type Connector = ReturnType<Build>;
type Place = { readonly protocol: string; readonly hostname: string; readonly port: string };

export class LocalGuard {
  /** By server: whether each connection to it was to loopback. */
  readonly #isLocalBy = new Map<string, boolean>();

  /** By the addresses that were connected to; a server that is elsewhere once is not local. */
  isLocal(url: Place): boolean {
    return isLoopbackHost(url.hostname) || this.#isLocalBy.get(keyOf(url)) === true;
  }

  /** Connects to anything, and remembers what is local before a request is written. */
  watching(connector: Connector): Connector {
    return (target, callback) => {
      connector(target, (...result) => {
        const [error, socket] = result;
        if (error === null) this.#remember(target, isLoopback(socket.remoteAddress ?? ''));
        callback(...result);
      });
    };
  }

  /** Connects to no local address. */
  refusing(
    build: Build,
    options: Parameters<Build>[0],
    lookup: LookupFunction | undefined,
  ): Connector {
    const check = { isAllowed: (address: string) => !isLocalAddress(address), refusal };
    const open = build({ ...options, lookup: guardedLookup(check, lookup) });
    return (target, callback) => {
      // An address is not looked up.
      if (isLocalHostname(target.hostname)) return callback(refusal(target.hostname), null);
      open(target, callback);
    };
  }

  #remember(server: Place, isLocal: boolean): void {
    const key = keyOf(server);
    const known = this.#isLocalBy.get(key) ?? true;
    this.#isLocalBy.delete(key);
    this.#isLocalBy.set(key, known && isLocal);
    const [oldest] = this.#isLocalBy.keys();
    if (this.#isLocalBy.size > SERVERS_REMEMBERED_MAX && oldest !== undefined)
      this.#isLocalBy.delete(oldest);
  }
}

/** A link-local neighbour is elsewhere. */
function isLoopback(address: string): boolean {
  return isLoopbackHost(address.replace(/^::ffff:/, ''));
}

function keyOf({ protocol, hostname, port }: Place): string {
  return `${protocol}//${hostname}:${port}`;
}

function refusal(host: string): RedirectError {
  return new RedirectError(`${host}: somebody elsewhere led to it, and it is here`, {
    remedy: 'ask whoever runs the registry',
  });
}
