/**
 * The credential sources of a client, asked in order. What a registry has refused is passed over:
 * a source that answers from memory is asked anew once, then comes the next one.
 */
import { CredentialHelperError } from '../errors.ts';
import {
  type CredentialPlace,
  type CredentialSource,
  type Credentials,
  isSameCredentials,
} from './credential-source.ts';

export type CredentialLookup = {
  readonly credentials: Credentials | undefined;
  /** Why a source gave nothing; shown when the registry then refuses. */
  readonly failure: unknown;
  /** They come from memory: when they are refused, an anonymous try may still do. */
  readonly isRemembered?: boolean | undefined;
};

export class CredentialChain {
  readonly #sources: readonly CredentialSource[];

  constructor(sources: readonly CredentialSource[]) {
    this.#sources = sources;
  }

  /** Throws for a configuration that cannot be read, unless a later source has credentials. */
  async lookup(
    place: CredentialPlace,
    refused: readonly Credentials[] = [],
  ): Promise<CredentialLookup> {
    let failure: unknown;
    for (const source of this.#sources) {
      try {
        const credentials = await ask(source, place, refused);
        if (credentials !== undefined) {
          return { credentials, failure: undefined, isRemembered: source.remembers };
        }
      } catch (error) {
        failure ??= error;
      }
    }
    if (failure !== undefined && !(failure instanceof CredentialHelperError)) throw failure;
    return { credentials: undefined, failure };
  }
}

async function ask(
  source: CredentialSource,
  place: CredentialPlace,
  refused: readonly Credentials[],
): Promise<Credentials | undefined> {
  const isUsable = (candidate: Credentials) =>
    !refused.some((known) => isSameCredentials(known, candidate));
  const found = await source.find({ ...place, isAnew: false });
  const usable = found.find(isUsable);
  if (usable !== undefined || found.length === 0 || !source.remembers) return usable;
  return (await source.find({ ...place, isAnew: true })).find(isUsable);
}
