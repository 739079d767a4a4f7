/**
 * The cluster's own certificate authority: a directory with its certificate and key, and the pair of
 * keys that tokens are signed and checked with. What makes certificates is loaded on first use:
 * daemons only check them.
 */
import { generateKeyPairSync } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '@shoal/errors';
import { type CertificateRequest, checkCertificateRequest } from './certificate-request.ts';
import { AuthorityError, TrustFileExistsError } from './errors.ts';
import { CERTIFICATE_DAYS_MAX } from './limits.ts';
import { writePrivateFile } from './private-file.ts';

/** The files of an authority. The two keys never leave it, but that trackers need `token.key`. */
export const AuthorityFile = {
  certificate: 'ca.crt',
  key: 'ca.key',
  tokenKey: 'token.key',
  tokenPublicKey: 'token.pub',
} as const;

/** PEM texts. `key` is a secret. */
export type IssuedCertificate = {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly expiresAtMs: number;
};

export type AuthorityOptions = {
  readonly days?: number;
  /** Replaces an authority that is there: what it has issued is worthless then. @default false */
  readonly replaces?: boolean;
};

/**
 * Makes a new one in a directory, which is made too (0700). Throws `ERR_P2P_TRUST_FILE_EXISTS`,
 * `ERR_P2P_CERTIFICATE_REQUEST`.
 */
export async function createAuthority(
  directory: string,
  { days = CERTIFICATE_DAYS_MAX, replaces = false }: AuthorityOptions = {},
): Promise<void> {
  const { makeAuthority } = await import('./certificate-maker.ts');
  const { cert, key } = await makeAuthority(days);
  const tokens = generateKeyPairSync('ed25519', {
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  const contents: readonly (readonly [string, string])[] = [
    [AuthorityFile.key, key],
    [AuthorityFile.tokenKey, tokens.privateKey],
    [AuthorityFile.tokenPublicKey, tokens.publicKey],
    [AuthorityFile.certificate, cert],
  ];
  await mkdir(directory, { recursive: true, mode: 0o700 });
  // All or none: keys of two authorities in one directory would not fit each other.
  if (!replaces) for (const [name] of contents) await refuseExisting(join(directory, name));
  for (const [name, content] of contents) {
    await writePrivateFile(join(directory, name), content, { replaces });
  }
}

/**
 * A certificate of a host. It never outlives its authority. Throws `ERR_P2P_AUTHORITY`,
 * `ERR_P2P_CERTIFICATE_REQUEST`.
 */
export async function issueCertificate(
  directory: string,
  request: CertificateRequest,
): Promise<IssuedCertificate> {
  const checked = checkCertificateRequest(request);
  const [ca, caKey] = await Promise.all([
    readAuthorityFile(directory, AuthorityFile.certificate),
    readAuthorityFile(directory, AuthorityFile.key),
  ]);
  const { makeCertificate } = await import('./certificate-maker.ts');
  const made = await makeCertificate({ ca, caKey }, checked).catch((error: unknown) => {
    throw new AuthorityError(directory, 'its certificate or key cannot be used', { cause: error });
  });
  return { ca, ...made };
}

async function readAuthorityFile(directory: string, name: string): Promise<string> {
  try {
    return await readFile(join(directory, name), 'utf8');
  } catch (error) {
    throw new AuthorityError(directory, `${name} cannot be read`, { cause: error });
  }
}

async function refuseExisting(file: string): Promise<void> {
  try {
    await readFile(file);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return;
    throw error;
  }
  throw new TrustFileExistsError(file);
}
