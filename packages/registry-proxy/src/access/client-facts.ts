/** Who asks, as far as a connection and its headers tell. */
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Caller } from '@shoal/registry-client/upstream';

/** What was passed on, and what a browser sends for a page that others have written. */
const FOR_SOMEBODY_ELSE: readonly string[] = [
  ...['forwarded', 'x-forwarded-for', 'via', 'x-real-ip'],
  ...['origin', 'sec-fetch-site'],
];

/**
 * A program of this host, connected without anything in between. A name of the host that is not of
 * loopback is a browser whose page had its own name lead here; with a URL the name is the registry's, and
 * only who was told to use a proxy sends one.
 */
export function isLoopbackClient(request: IncomingMessage, namesUrl: boolean): boolean {
  const { socket, headers } = request;
  if (FOR_SOMEBODY_ELSE.some((name) => headers[name] !== undefined)) return false;
  // Browsers say so, and little else where a page is plain HTTP.
  if (headers['user-agent']?.startsWith('Mozilla/') === true) return false;
  if (!isLoopbackAddress(socket.remoteAddress ?? '')) return false;
  return namesUrl || isLoopbackName(headers.host ?? '');
}

function isLoopbackAddress(address: string): boolean {
  return address === '::1' || /^(?:::ffff:)?127(?:\.\d{1,3}){3}$/i.test(address);
}

function isLoopbackName(host: string): boolean {
  return /^(?:localhost|\[::1\]|127(?:\.\d{1,3}){3})(?::\d{1,5})?$/i.test(host);
}

/** Stands for a caller in the keys of memories: no authorization is kept. */
export function identityOf(caller: Caller): string {
  if (caller.kind === 'own') return 'own';
  const { authorization } = caller;
  if (authorization === undefined) return 'anonymous';
  return createHash('sha256').update(authorization).digest('base64url');
}
