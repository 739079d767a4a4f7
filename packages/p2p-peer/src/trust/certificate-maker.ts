/**
 * Makes X.509 certificates (RFC 5280), ECDSA P-256. Imported only by who makes one: the library is
 * larger than everything else that trust needs.
 */
// biome-ignore assist/source/organizeImports: it has to be there before the library that needs it
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { createPrivateKey, webcrypto } from 'node:crypto';
import { formatCertificateIdentity } from './certificate-identity.ts';
import { type CheckedCertificateRequest, checkDays } from './certificate-request.ts';
import { CERTIFICATE_BACKDATED_MS, COMMON_NAME_CHARACTERS_MAX } from './limits.ts';
import { parseHostName } from '../identity/host.ts';

/** PEM texts. */
export type MadeCertificate = {
  readonly cert: string;
  readonly key: string;
  readonly expiresAtMs: number;
};

const EC = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const SIGNING = { name: 'ECDSA', hash: 'SHA-256' } as const;
const DAY_MS = 24 * 3600_000;

/** Throws `ERR_P2P_CERTIFICATE_REQUEST`. */
export async function makeAuthority(days: number): Promise<MadeCertificate> {
  checkDays(days);
  const keys = await webcrypto.subtle.generateKey(EC, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=Shoal cluster CA',
    ...validity(days),
    signingAlgorithm: SIGNING,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return made(certificate, keys.privateKey);
}

/** Throws what the library says of an authority that is none. */
export async function makeCertificate(
  { ca, caKey }: { readonly ca: string; readonly caKey: string },
  { host, role, names, days }: CheckedCertificateRequest,
): Promise<MadeCertificate> {
  const authority = new x509.X509Certificate(ca);
  const signingKey = await importKey(caKey);
  const keys = await webcrypto.subtle.generateKey(EC, true, ['sign', 'verify']);
  const { notBefore, notAfter: wanted } = validity(days);
  const notAfter = new Date(Math.min(wanted.getTime(), authority.notAfter.getTime()));
  const id = formatCertificateIdentity({ host: parseHostName(host), role });
  const certificate = await x509.X509CertificateGenerator.create({
    // As attributes, not as text: nothing in a name is syntax.
    subject: [{ CN: [host.slice(0, COMMON_NAME_CHARACTERS_MAX)] }],
    issuer: authority.subjectName,
    notBefore,
    notAfter,
    signingAlgorithm: SIGNING,
    publicKey: keys.publicKey,
    signingKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      // Every host dials and is dialled.
      new x509.ExtendedKeyUsageExtension([
        x509.ExtendedKeyUsage.serverAuth,
        x509.ExtendedKeyUsage.clientAuth,
      ]),
      new x509.SubjectAlternativeNameExtension([{ type: 'url', value: id }, ...names]),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(authority.publicKey),
    ],
  });
  return made(certificate, keys.privateKey);
}

function importKey(pem: string): Promise<webcrypto.CryptoKey> {
  const der = createPrivateKey(pem).export({ type: 'pkcs8', format: 'der' });
  return webcrypto.subtle.importKey('pkcs8', der, EC, false, ['sign']);
}

function validity(days: number): { readonly notBefore: Date; readonly notAfter: Date } {
  const nowMs = Date.now();
  return {
    notBefore: new Date(nowMs - CERTIFICATE_BACKDATED_MS),
    notAfter: new Date(nowMs + days * DAY_MS),
  };
}

async function made(
  certificate: x509.X509Certificate,
  key: webcrypto.CryptoKey,
): Promise<MadeCertificate> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key));
  return {
    cert: `${certificate.toString('pem')}\n`,
    key: x509.PemConverter.encode(der, 'PRIVATE KEY').concat('\n'),
    expiresAtMs: certificate.notAfter.getTime(),
  };
}
