/**
 * Who a certificate is about: the one SPIFFE id among its alternative names,
 * `spiffe://shoal/<role>/<host>` (SPIFFE-ID 1.0). Whether it is valid is not answered here: TLS has
 * checked the chain before anyone asks.
 */
import type { HostName, HostRole } from '../identity/host.ts';
import { parseHostName } from '../identity/host.ts';
import { CERTIFICATE_NAMES_CHARACTERS_MAX } from './limits.ts';

export type CertificateRole = HostRole | 'tracker';

export type CertificateIdentity = { readonly host: HostName; readonly role: CertificateRole };

/** What Node tells of the other side's certificate; both of its forms have this. */
export type CertificateNames = {
  readonly subjectaltname?: string | undefined;
  readonly subjectAltName?: string | undefined;
};

const SPIFFE = 'spiffe://';
const OURS = /^spiffe:\/\/shoal\/(peer|seed|tracker)\/([A-Za-z0-9][A-Za-z0-9._-]{0,252})$/;
/** One name as Node writes it: `URI:text`, or `DNS:"text"` as a JSON string when it has odd characters. */
const NAME = /([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^",]*)(?:, |$)/y;

/** The id of a host, for its certificate. */
export function formatCertificateIdentity({ host, role }: CertificateIdentity): string {
  return `${SPIFFE}shoal/${role}/${host}`;
}

/** Undefined for the certificate of somebody who is not one of our hosts, or who claims to be two. */
export function identityOf(
  certificate: CertificateNames | undefined,
): CertificateIdentity | undefined {
  const text = certificate?.subjectaltname ?? certificate?.subjectAltName;
  if (text === undefined || text.length > CERTIFICATE_NAMES_CHARACTERS_MAX) return undefined;
  const ids = urisOf(text)?.filter((uri) => uri.toLowerCase().startsWith(SPIFFE));
  const [only, another] = ids ?? [];
  if (only === undefined || another !== undefined) return undefined;
  const match = OURS.exec(only);
  const role = match?.[1];
  if (match?.[2] === undefined || !isCertificateRole(role)) return undefined;
  return { host: parseHostName(match[2]), role };
}

export function isCertificateRole(text: string | undefined): text is CertificateRole {
  return text === 'peer' || text === 'seed' || text === 'tracker';
}

/** Undefined when the text is not what Node writes: nothing in it is believed then. */
function urisOf(text: string): string[] | undefined {
  const uris: string[] = [];
  NAME.lastIndex = 0;
  while (NAME.lastIndex < text.length) {
    const match = NAME.exec(text);
    if (match === null) return undefined;
    // A quoted one has characters that none of our ids has: it counts, and is never one of ours.
    if (match[1] === 'URI') uris.push(unquote(match[2] ?? ''));
  }
  return uris;
}

function unquote(value: string): string {
  if (!value.startsWith('"')) return value;
  try {
    return `${JSON.parse(value)}\0`;
  } catch {
    return SPIFFE;
  }
}
