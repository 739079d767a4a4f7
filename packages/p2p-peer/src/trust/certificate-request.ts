/** What a certificate is asked for, and whether it may say so. */
import { isIP } from 'node:net';
import { quoted } from '@shoal/oci';
import type { CertificateRole } from './certificate-identity.ts';
import { isCertificateRole } from './certificate-identity.ts';
import { CertificateRequestError } from './errors.ts';
import { CERTIFICATE_ADDRESSES_MAX, CERTIFICATE_DAYS, CERTIFICATE_DAYS_MAX } from './limits.ts';

export type CertificateRequest = {
  readonly host: string;
  readonly role: CertificateRole;
  /** DNS names and IP addresses by which it is reached. */
  readonly addresses: readonly string[];
  /** @default 365 */
  readonly days?: number;
};

export type CheckedCertificateRequest = {
  readonly host: string;
  readonly role: CertificateRole;
  readonly names: readonly { readonly type: 'dns' | 'ip'; readonly value: string }[];
  readonly days: number;
};

const HOST = /^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$/;
const DNS_NAME =
  /^(\*\.)?([a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?$/i;

/** Throws `ERR_P2P_CERTIFICATE_REQUEST`. */
export function checkCertificateRequest(request: CertificateRequest): CheckedCertificateRequest {
  const { host, role, addresses, days = CERTIFICATE_DAYS } = request;
  if (!HOST.test(host)) throw new CertificateRequestError(`${quoted(host)} names no host`);
  if (!isCertificateRole(role)) throw new CertificateRequestError(`no role ${quoted(role)}`);
  if (addresses.length > CERTIFICATE_ADDRESSES_MAX) {
    throw new CertificateRequestError(`more than ${CERTIFICATE_ADDRESSES_MAX} addresses`);
  }
  checkDays(days);
  return { host, role, names: addresses.map(nameOf), days };
}

/** Throws `ERR_P2P_CERTIFICATE_REQUEST`. */
export function checkDays(days: number): void {
  if (Number.isInteger(days) && days >= 1 && days <= CERTIFICATE_DAYS_MAX) return;
  throw new CertificateRequestError(`${days} is not a number of days`);
}

function nameOf(address: string): { readonly type: 'dns' | 'ip'; readonly value: string } {
  if (isIP(address) !== 0) return { type: 'ip', value: address };
  if (address.length <= 253 && DNS_NAME.test(address)) return { type: 'dns', value: address };
  throw new CertificateRequestError(`${quoted(address)} is neither a DNS name nor an IP address`);
}
