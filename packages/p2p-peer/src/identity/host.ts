/** A host as others know it: its name, what it does, where it stands, where it is reached. */
import { HostNameSyntaxError } from '../errors.ts';

declare const hostNameBrand: unique symbol;

/** As in its certificate: letters, digits, `.`, `_`, `-`; 1 to 253 characters. */
export type HostName = string & { readonly [hostNameBrand]: true };

/** Seeds fetch from origins for the others. */
export type HostRole = 'peer' | 'seed';

export type HostFacts = {
  readonly host: HostName;
  readonly role: HostRole;
  /** '' where nobody said. */
  readonly zone: string;
  /** '' where nobody said. */
  readonly rack: string;
  /** `host:port` of its peer port. */
  readonly address: string;
};

function isHostName(text: string): text is HostName {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$/.test(text);
}

/** Throws `ERR_P2P_HOST_NAME`. */
export function parseHostName(text: string): HostName {
  if (!isHostName(text)) throw new HostNameSyntaxError(text);
  return text;
}
