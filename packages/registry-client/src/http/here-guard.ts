/**
 * Keeps what strangers lead to away from this machine: whoever is elsewhere must not have requests sent
 * to services here, whatever name stands for the address. Whoever is here himself may.
 */
import type { LookupFunction } from 'node:net';
import type { buildConnector } from 'undici';
import { RedirectError } from '../errors.ts';
import { SERVERS_REMEMBERED_MAX } from '../limits.ts';
import { checkedLookup } from './checked-lookup.ts';
import { isHereAddress, isHereHost } from './here-address.ts';
import { isLoopbackHost } from './proxy-environment.ts';

type Build = typeof buildConnector;
type Connector = ReturnType<Build>;
type Place = { readonly protocol: string; readonly hostname: string; readonly port: string };

export class HereGuard {
  /** By server: whether each connection to it led to loopback. */
  readonly #here = new Map<string, boolean>();

  /** By the addresses that were connected to; a server that is elsewhere once is not here. */
  isHere(url: Place): boolean {
    return isLoopbackHost(url.hostname) || this.#here.get(keyOf(url)) === true;
  }

  /** Connects to anything, and remembers what is here before a request is written. */
  watching(connector: Connector): Connector {
    return (target, callback) => {
      connector(target, (...result) => {
        const [error, socket] = result;
        if (error === null) this.#remember(target, isLoopback(socket.remoteAddress ?? ''));
        callback(...result);
      });
    };
  }

  /** Connects to nothing that is here. */
  refusing(
    build: Build,
    options: Parameters<Build>[0],
    lookup: LookupFunction | undefined,
  ): Connector {
    const check = { isAllowed: (address: string) => !isHereAddress(address), refusal };
    const open = build({ ...options, lookup: checkedLookup(check, lookup) });
    return (target, callback) => {
      // An address is not looked up.
      if (isHereHost(target.hostname)) return callback(refusal(target.hostname), null);
      open(target, callback);
    };
  }

  #remember(server: Place, isHere: boolean): void {
    const key = keyOf(server);
    const known = this.#here.get(key) ?? true;
    this.#here.delete(key);
    this.#here.set(key, known && isHere);
    const [oldest] = this.#here.keys();
    if (this.#here.size > SERVERS_REMEMBERED_MAX && oldest !== undefined) this.#here.delete(oldest);
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
