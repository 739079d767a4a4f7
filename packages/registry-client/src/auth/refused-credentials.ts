/** The credentials that did not do for one request. */
import type { CredentialLookup } from './credential-chain.ts';
import type { Credentials } from './credential-source.ts';

export class RefusedCredentials {
  readonly #list: Credentials[];
  #isBinding: boolean;

  constructor(list: readonly Credentials[] = [], isBinding = false) {
    this.#list = [...list];
    this.#isBinding = isBinding;
  }

  get list(): readonly Credentials[] {
    return this.#list;
  }

  /** Somebody said these were the ones to use: no anonymous try stands in for them. */
  get isBinding(): boolean {
    return this.#isBinding;
  }

  add({ credentials, isRemembered }: CredentialLookup): void {
    if (credentials === undefined) return;
    this.#list.push(credentials);
    this.#isBinding ||= isRemembered !== true;
  }

  copy(): RefusedCredentials {
    return new RefusedCredentials(this.#list, this.#isBinding);
  }
}
