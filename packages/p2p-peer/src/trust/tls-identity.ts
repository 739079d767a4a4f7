/**
 * A host's certificate, its key and the authority it believes, from PEM files; loaded again when the
 * files change, as cert-manager and kubelet change them: one by one, or by moving a link.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { errorCode } from '@shoal/errors';
import type { CertificateIdentity } from './certificate-identity.ts';
import { identityOf } from './certificate-identity.ts';
import { IdentityFilesError } from './errors.ts';
import { PEM_FILE_BYTES_MAX } from './limits.ts';

/** Paths of PEM files. */
export type IdentityPaths = { readonly ca: string; readonly cert: string; readonly key: string };

/** PEM texts, as `node:tls` takes them. */
export class TlsIdentity {
  readonly ca: string;
  readonly cert: string;
  /** A secret: printing the object does not show it. */
  readonly key: string;

  constructor({
    ca,
    cert,
    key,
  }: { readonly ca: string; readonly cert: string; readonly key: string }) {
    this.ca = ca;
    this.cert = cert;
    this.key = key;
  }

  /** Who the certificate is about; undefined when it is none of ours. */
  get identity(): CertificateIdentity | undefined {
    return identityOf(new X509Certificate(this.cert));
  }

  get expiresAtMs(): number {
    return Date.parse(new X509Certificate(this.cert).validTo);
  }

  toJSON(): object {
    return { identity: this.identity };
  }

  [inspect.custom](): string {
    return `TlsIdentity ${JSON.stringify(this.identity)}`;
  }
}

/** The files of a directory as a Kubernetes secret of type `kubernetes.io/tls` has them. */
export function identityPathsIn(directory: string): IdentityPaths {
  return {
    ca: join(directory, 'ca.crt'),
    cert: join(directory, 'tls.crt'),
    key: join(directory, 'tls.key'),
  };
}

/** Throws `ERR_P2P_IDENTITY_FILES`. */
export async function loadTlsIdentity(paths: IdentityPaths): Promise<TlsIdentity> {
  const [ca, cert, key] = await Promise.all([paths.ca, paths.cert, paths.key].map(readPem));
  const identity = new TlsIdentity({ ca: ca ?? '', cert: cert ?? '', key: key ?? '' });
  parseCertificate(paths.ca, identity.ca);
  const certificate = parseCertificate(paths.cert, identity.cert);
  if (!isKeyOf(certificate, identity.key, paths.key)) {
    throw new IdentityFilesError(paths.key, `is not the key of the certificate in ${paths.cert}`);
  }
  return identity;
}

/** What tells that a file is another than before. Throws `ERR_P2P_IDENTITY_FILES`. */
export async function stampOf(paths: IdentityPaths): Promise<string> {
  const stamps = [paths.ca, paths.cert, paths.key].map(async (file) => {
    const { ino, size, mtimeMs } = await stat(file).catch((error: unknown) => {
      throw unreadable(file, error);
    });
    return `${ino} ${size} ${mtimeMs}`;
  });
  return (await Promise.all(stamps)).join('\n');
}

async function readPem(file: string): Promise<string> {
  const buffer = Buffer.alloc(PEM_FILE_BYTES_MAX + 1);
  let length = 0;
  try {
    await using handle = await open(file);
    for (let bytesRead = -1; bytesRead !== 0 && length < buffer.length; length += bytesRead) {
      ({ bytesRead } = await handle.read(buffer, length, buffer.length - length));
    }
  } catch (error) {
    throw unreadable(file, error);
  }
  if (length > PEM_FILE_BYTES_MAX) throw new IdentityFilesError(file, 'is too long for a PEM file');
  return buffer.toString('latin1', 0, length);
}

function unreadable(file: string, error: unknown): IdentityFilesError {
  return new IdentityFilesError(file, `cannot be read (${errorCode(error) ?? 'unknown'})`, {
    cause: error,
  });
}

function parseCertificate(file: string, pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch {
    throw new IdentityFilesError(file, 'is not a certificate in PEM');
  }
}

function isKeyOf(certificate: X509Certificate, pem: string, file: string): boolean {
  try {
    return certificate.checkPrivateKey(createPrivateKey(pem));
  } catch {
    // No cause: its message may quote what it could not read.
    throw new IdentityFilesError(file, 'is not a private key in PEM, or is encrypted');
  }
}
