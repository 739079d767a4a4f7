/** One request on its way: what is asked for, of whom, on whose behalf. */
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Caller } from '@shoal/registry-client/upstream';
import { identityOf, isLoopbackClient } from '../access/client-facts.ts';
import type { GrantPlace } from '../access/grants.ts';
import { type Refusal, refusal } from '../answer/refusal.ts';
import { ACCEPT_KEY_LENGTH_MAX } from '../limits.ts';
import type { Route } from '../upstream/router.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { VIA_HEADER } from '../upstream/upstream.ts';

export type ProxyRequest = {
  readonly kind: 'request';
  readonly method: 'GET' | 'HEAD';
  readonly route: Route;
  readonly upstream: Upstream;
  readonly repository: string;
  readonly caller: Caller;
  /** Where grants for this caller and repository are kept. */
  readonly place: GrantPlace;
  /** As received, several joined by commas; undefined when none was sent. */
  readonly accept: string | undefined;
  readonly userAgent: string;
  readonly range: string | undefined;
  readonly ifRange: string | undefined;
  readonly ifNoneMatch: string | undefined;
  /** Headers of every request to the upstream that is made for this one. */
  readonly via: Readonly<Record<string, string>>;
  /** Aborts when the client is gone. */
  readonly signal: AbortSignal;
};

/** Refused when the upstream is for programs of this host only, and this is none. */
export function openRequest(
  message: IncomingMessage,
  route: Route,
  via: string,
  signal: AbortSignal,
): ProxyRequest | Refusal {
  const { upstream, repository } = route;
  if (upstream.mode === 'node' && !isLoopbackClient(message, route.namedBy === 'url')) {
    return refusal(403, 'DENIED', 'this registry is for programs of the same host only');
  }
  const { headers } = message;
  const caller: Caller =
    upstream.mode === 'challenge'
      ? { kind: 'client', authorization: headers.authorization }
      : { kind: 'own' };
  return {
    kind: 'request',
    method: message.method === 'HEAD' ? 'HEAD' : 'GET',
    route,
    upstream,
    repository,
    caller,
    place: { upstream: upstream.name, repository, identity: identityOf(caller) },
    accept: headers.accept,
    userAgent: headers['user-agent'] ?? '',
    range: headers.range,
    ifRange: typeof headers['if-range'] === 'string' ? headers['if-range'] : undefined,
    ifNoneMatch: headers['if-none-match'],
    via: { [VIA_HEADER]: via },
    signal,
  };
}

/**
 * Which of several forms an upstream gives for a tag depends on what is accepted, not on its order. For keys
 * of memories: of more than clients send there is a hash.
 */
export function normalisedAccept(accept: string | undefined): string {
  const types = (accept ?? '').split(',').map((type) => type.trim().toLowerCase());
  const text = [...new Set(types.filter((type) => type !== ''))].sort().join(',');
  if (text.length <= ACCEPT_KEY_LENGTH_MAX) return text;
  // In capitals, as no list of types is here.
  return `SHA-256 ${createHash('sha256').update(text).digest('base64url')}`;
}
