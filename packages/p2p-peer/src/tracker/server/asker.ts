/**
 * Who asks: one of our hosts by its certificate, whoever has the administrator's token, whoever
 * looks at the page, or anybody. What a certificate says is read once for each connection.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { HostName, HostRole } from '../../identity/host.ts';
import { type CertificateIdentity, identityOf } from '../../trust/certificate-identity.ts';

/** `tls`: our hosts. `plain`: standard clients. `page`: people. */
export type PortKind = 'tls' | 'plain' | 'page';

export type Asker =
  | { readonly kind: 'host'; readonly host: HostName; readonly role: HostRole }
  /** A certificate of the cluster that is not of a host that shares: another tracker. */
  | { readonly kind: 'tracker'; readonly host: HostName }
  | { readonly kind: 'admin' }
  | { readonly kind: 'anybody' };

type CheckedCertificate = CertificateIdentity & { readonly validToMs: number };

export class Askers {
  readonly #certificates = new WeakMap<Socket, CheckedCertificate | 'none'>();
  readonly #adminHash: Buffer | undefined;
  readonly #nowMs: () => number;

  constructor(adminToken: string | undefined, nowMs: () => number) {
    this.#adminHash = adminToken === undefined ? undefined : hashOf(adminToken);
    this.#nowMs = nowMs;
  }

  of(request: IncomingMessage): Asker {
    if (this.#isAdmin(request.headers.authorization)) return { kind: 'admin' };
    const certificate = this.#certificateOf(request.socket);
    if (certificate === 'none') return { kind: 'anybody' };
    const { host, role } = certificate;
    return role === 'tracker' ? { kind: 'tracker', host } : { kind: 'host', host, role };
  }

  #isAdmin(authorization: string | undefined): boolean {
    const token = /^Bearer (\S+)$/i.exec(authorization ?? '')?.[1];
    if (token === undefined || this.#adminHash === undefined) return false;
    return timingSafeEqual(hashOf(token), this.#adminHash);
  }

  #certificateOf(socket: Socket): CheckedCertificate | 'none' {
    if (!(socket instanceof TLSSocket) || !socket.authorized) return 'none';
    const known = this.#certificates.get(socket) ?? readCertificate(socket);
    this.#certificates.set(socket, known);
    // Connections are kept for long: a certificate may end meanwhile.
    return known !== 'none' && known.validToMs > this.#nowMs() ? known : 'none';
  }
}

function readCertificate(socket: TLSSocket): CheckedCertificate | 'none' {
  const certificate = socket.getPeerCertificate();
  const identity = identityOf(certificate);
  if (identity === undefined) return 'none';
  return { ...identity, validToMs: Date.parse(certificate.valid_to) };
}

/** Of one length, whatever was sent. */
export function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
