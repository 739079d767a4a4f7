/**
 * What a CRI pull says of its image and its credentials. Spec: runtime.v1 PullImageRequest; which of
 * the fields of `auth` counts is what containerd does with them.
 */
import { parseReference } from '@shoal/oci';
import type { CredentialPlace, Credentials } from '@shoal/registry-client';
import { type AuthConfig, PullImageRequest } from './gen/image-service.ts';

export type PullCredentials = {
  readonly place: CredentialPlace;
  readonly credentials: Credentials;
};

/** Undefined for a pull without credentials, for other servers, or one that cannot be read. */
export function decodePullCredentials(message: Uint8Array): PullCredentials | undefined {
  try {
    const { image, auth } = PullImageRequest.decode(message);
    const credentials = auth === undefined ? undefined : credentialsOf(auth);
    if (credentials === undefined || image === undefined || auth === undefined) return undefined;
    const reference = parseReference(`docker://${image.image}`);
    if (reference.kind !== 'registry') return undefined;
    const { registry, repository } = reference;
    if (!isFor(auth.serverAddress, registry)) return undefined;
    return { place: { registry, repository }, credentials };
  } catch {
    return undefined;
  }
}

function credentialsOf(auth: AuthConfig): Credentials | undefined {
  const { username, password, identityToken, registryToken } = auth;
  if (username !== '') return { kind: 'password', username, password };
  if (identityToken !== '') return { kind: 'identity-token', token: identityToken };
  const pair = Buffer.from(auth.auth, 'base64').toString('utf8').replace(/\0+$/, '');
  const colon = pair.indexOf(':');
  if (colon > 0) {
    return { kind: 'password', username: pair.slice(0, colon), password: pair.slice(colon + 1) };
  }
  return registryToken === '' ? undefined : { kind: 'registry-token', token: registryToken };
}

const HUB_HOSTS: readonly string[] = ['index.docker.io', 'registry-1.docker.io', 'docker.io'];

/** Credentials for a server are not for another one. */
function isFor(serverAddress: string, registry: string): boolean {
  if (serverAddress === '') return true;
  const text = serverAddress.includes('://') ? serverAddress : `https://${serverAddress}`;
  const host = URL.parse(text)?.host;
  return host === registry || (registry === 'docker.io' && HUB_HOSTS.includes(host ?? ''));
}
