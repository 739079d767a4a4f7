/** Looks names up for a connection that may lead to some addresses only. */
import { lookup as systemLookup } from 'node:dns';
import type { LookupFunction } from 'node:net';

export type LookupGuard = {
  readonly isAllowed: (address: string) => boolean;
  /** What looking a name up fails with when one of its addresses is not allowed. */
  readonly refusal: (hostname: string) => Error;
};

/**
 * As `dns.lookup`. Happy eyeballs asks for all addresses: each that may be tried is checked, and what was
 * checked is what is connected to, whatever the name means a moment later.
 */
export function guardedLookup(
  { isAllowed, refusal }: LookupGuard,
  lookup: LookupFunction = systemLookup,
): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, found) => {
      if (error !== null) return callback(error, '', 0);
      const addresses = typeof found === 'string' ? [] : found;
      const [first] = addresses;
      const isWrong = addresses.some(({ address }) => !isAllowed(address));
      if (isWrong || first === undefined) return callback(refusal(hostname), '', 0);
      if (options.all === true) return callback(null, addresses);
      callback(null, first.address, first.family);
    });
  };
}
