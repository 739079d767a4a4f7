/** Throw-away certificates for the servers of one test, made by openssl. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

export type Certificates = {
  readonly caFile: string;
  readonly certificateFile: string;
  readonly keyFile: string;
  readonly clientCertificateFile: string;
  readonly clientKeyFile: string;
};

/** A certificate authority, a server certificate for 127.0.0.1 and localhost, a client's. */
export function makeCertificates(directory: string): Certificates {
  const path = (name: string) => join(directory, name);
  const caFile = path('ca.pem');
  selfSigned(caFile, path('ca.key'), 'shoal test authority');
  signed(directory, 'server', 'subjectAltName=IP:127.0.0.1,DNS:localhost');
  signed(directory, 'client', 'extendedKeyUsage=clientAuth');
  return {
    caFile,
    certificateFile: path('server.pem'),
    keyFile: path('server.key'),
    clientCertificateFile: path('client.pem'),
    clientKeyFile: path('client.key'),
  };
}

/** One self-signed certificate with its RSA key. */
export function selfSigned(certificateFile: string, keyFile: string, name: string): void {
  openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', `/CN=${name}`, [
    ['-keyout', keyFile],
    ['-out', certificateFile],
  ]);
}

function signed(directory: string, name: string, extension: string): void {
  const path = (file: string) => join(directory, file);
  const request = path(`${name}.csr`);
  const extensions = path(`${name}.ext`);
  writeFileSync(extensions, `${extension}\n`);
  openssl('req', '-newkey', 'rsa:2048', '-nodes', '-subj', `/CN=shoal test ${name}`, [
    ['-keyout', path(`${name}.key`)],
    ['-out', request],
  ]);
  openssl('x509', '-req', '-days', '2', '-CAcreateserial', [
    ['-in', request],
    ['-CA', path('ca.pem')],
    ['-CAkey', path('ca.key')],
    ['-extfile', extensions],
    ['-out', path(`${name}.pem`)],
  ]);
}

function openssl(...parts: (string | (readonly [string, string])[])[]): void {
  execFileSync('openssl', parts.flat(2), { stdio: ['ignore', 'ignore', 'pipe'] });
}
