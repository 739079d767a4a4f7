/**
 * Where a request line leads when its client takes the mirror for its forward proxy: `http://HOST[:PORT]/path`, as
 * nydusd writes it. The host only chooses among the upstreams: nobody is contacted because it stands there, and
 * `Host` counts for nothing beside it. Spec: RFC 9112 section 3.2.2.
 */
import { type Refusal, refusal } from '../answer/refusal.ts';

export type AskedPlace = {
  readonly kind: 'place';
  /** `host` or `host:port` as it was written; undefined when only a path was. */
  readonly authority: string | undefined;
  /** Path and query. */
  readonly path: string;
};

/** No user, no literal of IPv6, nothing escaped: no name of an upstream has any of it. */
const HTTP_URL = /^http:\/\/([a-z0-9.-]+(?::\d{1,5})?)(\/.*)$/i;

/** `text` is the target of the request line. */
export function askedPlace(text: string): AskedPlace | Refusal {
  if (text.startsWith('/')) return { kind: 'place', authority: undefined, path: text };
  // Above 500, so that nydusd goes on to the registry itself where it was told so (`fallback`).
  if (/^https:/i.test(text)) return refusal(501, 'UNSUPPORTED', ONLY_HTTP);
  const [, authority, path] = HTTP_URL.exec(text) ?? [];
  return authority === undefined || path === undefined
    ? refusal(400, 'UNSUPPORTED', 'the target is neither a path nor the http URL of a registry')
    : { kind: 'place', authority, path };
}

/** What a client is told that wants TLS through the mirror. */
export const ONLY_HTTP =
  'no TLS is passed on here: ask for http (use_http of nydusd), or use this as a mirror';
