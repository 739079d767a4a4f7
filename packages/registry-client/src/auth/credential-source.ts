/**
 * Where credentials come from. A client asks its sources in order, whenever a registry wants
 * credentials; what a source remembers meanwhile is its own affair. Secrets are never logged.
 */
export type Credentials =
  | { readonly kind: 'password'; readonly username: string; readonly password: string }
  /** A refresh token for the registry's token service. */
  | { readonly kind: 'identity-token'; readonly token: string }
  /** A token for the registry itself. */
  | { readonly kind: 'registry-token'; readonly token: string };

export type CredentialPlace = {
  /** Host part of a reference, with its port; Docker Hub is `docker.io`. */
  readonly registry: string;
  /** Undefined where only the host is known: then nothing that is for one repository applies. */
  readonly repository: string | undefined;
};

export type CredentialQuestion = CredentialPlace & {
  /** What was given before has been refused: no answer from memory. */
  readonly isAnew: boolean;
};

export interface CredentialSource {
  /** For messages and statistics: `kubelet credential provider ecr`. */
  readonly name: string;
  /**
   * Whether its answers may be out of date. Such a source is asked anew once when its answer is
   * refused, and does not stand in the way of an anonymous try.
   */
  readonly remembers: boolean;
  /** What there is for a place, the best first. Throws coded errors that hold no secret. */
  find(question: CredentialQuestion): Promise<readonly Credentials[]>;
}

export function isSameCredentials(a: Credentials, b: Credentials): boolean {
  if (a.kind === 'password') {
    return b.kind === 'password' && a.username === b.username && a.password === b.password;
  }
  return a.kind === b.kind && a.token === b.token;
}
