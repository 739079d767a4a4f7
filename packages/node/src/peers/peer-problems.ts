/**
 * What an operator has to hear of sharing: that a tracker is away, that a certificate cannot be used, that this host
 * gets nothing for others from a registry. Reads go on, so nothing else would show it. What happens again
 * and again is said once in a while; the rest is for who looks for a fault.
 */
import { errorCode } from '@shoal/errors';
import { errorFields } from '@shoal/snapshotter';
import { LRUCache } from 'lru-cache';
import { PEER_PROBLEM_AGAIN_MS, PEER_PROBLEMS_MAX } from '../limits.ts';
import type { Log } from '../log/log.ts';

export class PeerProblems {
  readonly #log: Log;
  readonly #said = new LRUCache<string, true>({
    max: PEER_PROBLEMS_MAX,
    ttl: PEER_PROBLEM_AGAIN_MS,
  });

  constructor(log: Log) {
    this.#log = log;
  }

  tell(error: unknown): void {
    const fields = errorFields(error);
    const text = String(error);
    if (errorCode(error) === 'ERR_P2P_TRACKER_AWAY') {
      if (this.#isNew(text)) this.#log.warn({ event: 'peer-tracker-away', ...fields }, text);
    } else if (errorCode(error) === 'ERR_P2P_TRACKER_ANSWER') {
      if (this.#isNew(text)) this.#log.warn({ event: 'peer-tracker-answer', ...fields }, text);
    } else if (errorCode(error) === 'ERR_P2P_IDENTITY_FILES') {
      if (this.#isNew(text)) this.#log.warn({ event: 'peer-identity-unread', ...fields }, text);
    } else {
      this.#log.debug({ event: 'peer-problem', ...fields }, text);
    }
  }

  /** A read of this repository for others has failed. */
  homeFailed(repository: string, error: unknown): void {
    const fields = { repository, ...errorFields(error) };
    if (!this.#isNew(repository)) return;
    this.#log.warn(
      { event: 'peer-home-failed', ...fields },
      'what other hosts asked for could not be fetched',
    );
  }

  #isNew(what: string): boolean {
    if (this.#said.has(what)) return false;
    this.#said.set(what, true);
    return true;
  }
}
