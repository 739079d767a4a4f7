/**
 * Who the other side of a wire is: its certificate says it, its handshake says the same, and its
 * token, made for this host, covers the repository that the wire is for. Nothing is told or served
 * before all of it has been checked.
 */
import type { SizedBlob } from '@shoal/blob-store';
import { ShoalError } from '@shoal/errors';
import { quoted } from '@shoal/oci';
import type { HostFacts, HostName } from '../../identity/host.ts';
import { type PeerId, peerIdOf } from '../../identity/peer-id.ts';
import type { CertificateIdentity } from '../../trust/certificate-identity.ts';
import { type Grant, isCovered } from '../../trust/grant.ts';
import { WireUntrustedError } from '../errors.ts';
import type { ExtendedHandshake } from '../extension/extended-handshake.ts';
import { decodeHostHandshake, HOST_HANDSHAKE_KEY } from '../extension/host-handshake.ts';
import { SHOAL_EXTENSION } from '../extension/message-type.ts';

/** PEM texts of this host, as `node:tls` takes them. */
export type WireIdentity = { readonly ca: string; readonly cert: string; readonly key: string };

export type WireTrust = {
  /** The present one: certificates are renewed while wires are open. */
  readonly identity: () => WireIdentity;
  /** Of this host; undefined when no tracker has given one yet. A secret. */
  readonly token: () => string | undefined;
  /** What a token grants to this host now; throws a coded error. */
  readonly checkToken: (token: string, host: HostName, nowMs: number) => Grant;
};

export type TrustedHost = {
  readonly facts: HostFacts;
  readonly repository: string;
  readonly blob: SizedBlob;
  /** When its token ends, in milliseconds since 1970. */
  readonly expiresAtMs: number;
};

/** Its peer id has to be the one of its name. Throws `ERR_P2P_WIRE_UNTRUSTED`. */
export function checkPeerId(certificate: CertificateIdentity | undefined, peerId: PeerId): void {
  if (certificate === undefined) throw new WireUntrustedError('its certificate names no host');
  if (peerIdOf(certificate.host) !== peerId) {
    throw new WireUntrustedError(`host ${quoted(certificate.host)} has the peer id of another`);
  }
}

/** Throws `ERR_P2P_WIRE_UNTRUSTED`, `ERR_P2P_WIRE_PROTOCOL`. */
export function checkHost(
  certificate: CertificateIdentity | undefined,
  handshake: ExtendedHandshake,
  checkToken: WireTrust['checkToken'],
): TrustedHost {
  if (certificate === undefined) throw new WireUntrustedError('its certificate names no host');
  if (!handshake.extensions.has(SHOAL_EXTENSION)) {
    throw new WireUntrustedError('it does not know our extension');
  }
  const said = decodeHostHandshake(handshake.fields.get(HOST_HANDSHAKE_KEY));
  const { host, role } = said.facts;
  if (certificate.host !== host || certificate.role !== role) {
    const claimed = quoted(`${role} ${host}`);
    throw new WireUntrustedError(`it says it is ${claimed}, and its certificate says otherwise`);
  }
  const grant = grantOf(said.token, host, checkToken);
  if (!isCovered(grant, said.repository)) {
    throw new WireUntrustedError(
      `the token of ${quoted(host)} does not cover ${quoted(said.repository)}`,
      { about: 'token' },
    );
  }
  const { expiresAtMs } = grant;
  return { facts: said.facts, repository: said.repository, blob: said.blob, expiresAtMs };
}

function grantOf(token: string, host: HostName, checkToken: WireTrust['checkToken']): Grant {
  let grant: Grant;
  try {
    grant = checkToken(token, host, Date.now());
  } catch (error) {
    if (!(error instanceof ShoalError)) throw error;
    throw new WireUntrustedError(`the token of ${quoted(host)} is refused`, {
      cause: error,
      about: 'token',
    });
  }
  if (grant.host === host) return grant;
  throw new WireUntrustedError(`${quoted(host)} shows a token of another host`, {
    about: 'token',
  });
}
