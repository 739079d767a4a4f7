/**
 * What registries last said of our credentials. For people and for metrics; no secret comes here,
 * and what is known of a registry is replaced by what it says next.
 */
import type { AuthenticationEvent } from '@shoal/registry-client';
import { CREDENTIAL_STATES_MAX } from './limits.ts';

export type CredentialStatus = {
  readonly registry: string;
  /** `unknown`: it could not be asked. */
  readonly state: 'accepted' | 'refused' | 'unknown';
  readonly reason?: string | undefined;
  readonly at: string;
};

const STATE_OF = { granted: 'accepted', refused: 'refused', failed: 'unknown' } as const;

export class CredentialStates {
  readonly #onRenewal: (outcome: 'renewed' | 'failed') => void;
  readonly #states = new Map<string, CredentialStatus>();

  constructor(onRenewal: (outcome: 'renewed' | 'failed') => void) {
    this.#onRenewal = onRenewal;
  }

  readonly observe = ({ registry, outcome, reason }: AuthenticationEvent): void => {
    this.#onRenewal(outcome === 'granted' ? 'renewed' : 'failed');
    const at = new Date().toISOString();
    this.#states.delete(registry);
    this.#states.set(registry, { registry, state: STATE_OF[outcome], reason, at });
    const [oldest] = this.#states.keys();
    if (this.#states.size > CREDENTIAL_STATES_MAX && oldest !== undefined) {
      this.#states.delete(oldest);
    }
  };

  /** By name of the registry. */
  list(): readonly CredentialStatus[] {
    return [...this.#states.values()].toSorted((a, b) => (a.registry < b.registry ? -1 : 1));
  }
}
