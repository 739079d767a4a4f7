/**
 * What a place's credential sources said a moment ago: requests that are refused together ask a
 * helper program once, and a new login still counts at once for a daemon.
 */
import { CREDENTIALS_LIFETIME_MS, CREDENTIALS_REFUSED_MAX } from '../limits.ts';
import type { CredentialLookup } from './credential-chain.ts';
import { type Credentials, isSameCredentials } from './credential-source.ts';

/** Milliseconds that only grow, as `performance.now()` gives them. */
export type Clock = () => number;

type Recent = {
  readonly refused: readonly Credentials[];
  readonly lookup: Promise<CredentialLookup>;
  readonly endsAtMs: number;
};

export class RecentLookups {
  readonly #lookUp: (refused: readonly Credentials[]) => Promise<CredentialLookup>;
  readonly #clock: Clock;
  #recent: Recent[] = [];

  constructor(
    lookUp: (refused: readonly Credentials[]) => Promise<CredentialLookup>,
    clock: Clock = () => performance.now(),
  ) {
    this.#lookUp = lookUp;
    this.#clock = clock;
  }

  /** What there is beside what was refused. */
  beside(refused: readonly Credentials[]): Promise<CredentialLookup> {
    const nowMs = this.#clock();
    this.#recent = this.#recent.filter(({ endsAtMs }) => endsAtMs > nowMs);
    const known = this.#recent.find((recent) => isSameList(recent.refused, refused));
    if (known !== undefined) return known.lookup;
    const lookup = this.#lookUp(refused);
    const endsAtMs = nowMs + CREDENTIALS_LIFETIME_MS;
    this.#recent = [{ refused: [...refused], lookup, endsAtMs }, ...this.#recent].slice(
      0,
      CREDENTIALS_REFUSED_MAX + 1,
    );
    return lookup;
  }
}

function isSameList(a: readonly Credentials[], b: readonly Credentials[]): boolean {
  return (
    a.length === b.length &&
    a.every((one, index) => {
      const other = b[index];
      return other !== undefined && isSameCredentials(one, other);
    })
  );
}
