/**
 * The token that standard clients show on the plain port, where one is wanted. They know no headers: it is in
 * the query of the address they announce to, which they repeat with every announce and scrape.
 */
import { timingSafeEqual } from 'node:crypto';
import { TrackerRequestError } from '../errors.ts';
import { hashOf } from './asker.ts';

export class PlainToken {
  readonly #hash: Buffer | undefined;

  /** Undefined: anybody may announce. */
  constructor(token: string | undefined) {
    this.#hash = token === undefined ? undefined : hashOf(token);
  }

  /** Whoever shows none hears what he would of a swarm that is not there. Throws `ERR_P2P_TRACKER_REQUEST`. */
  check(query: string): void {
    if (this.#hash === undefined) return;
    const [token, ...more] = new URLSearchParams(query).getAll('token');
    if (token !== undefined && more.length === 0 && timingSafeEqual(hashOf(token), this.#hash))
      return;
    throw new TrackerRequestError(403, 'unknown swarm');
  }
}
