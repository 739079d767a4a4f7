/**
 * The two forms of a request line's target that are taken: origin-form, which is a path, and absolute-form, which is
 * `http://HOST[:PORT]/path` of a client that takes the mirror for its forward proxy, as nydusd does. The host only
 * chooses among the upstreams: nobody is contacted because it stands there, and `Host` counts for nothing beside it.
 * Spec: RFC 9112 sections 3.2.1 and 3.2.2.
 */
import { type Refusal, refusal } from '../answer/refusal.ts';

export type TargetForm = {
  readonly kind: 'form';
  /** `host` or `host:port` as it was written; undefined in origin-form. */
  readonly authority: string | undefined;
  /** Path and query. */
  readonly path: string;
};

/** No user, no literal of IPv6, nothing escaped: no name of an upstream has any of it. */
const HTTP_URL = /^http:\/\/([a-z0-9.-]+(?::\d{1,5})?)(\/.*)$/i;

/** `text` is the target of the request line. */
export function parseTargetForm(text: string): TargetForm | Refusal {
  if (text.startsWith('/')) return { kind: 'form', authority: undefined, path: text };
  // Above 500, so that nydusd goes on to the registry itself where it was told so (`fallback`).
  if (/^https:/i.test(text)) return refusal(501, 'UNSUPPORTED', ONLY_HTTP);
  const [, authority, path] = HTTP_URL.exec(text) ?? [];
  return authority === undefined || path === undefined
    ? refusal(400, 'UNSUPPORTED', 'the target is neither a path nor the http URL of a registry')
    : { kind: 'form', authority, path };
}

/** What a client is told that wants TLS through the mirror. */
export const ONLY_HTTP =
  'no TLS is passed on here: ask for http (use_http of nydusd), or use this as a mirror';
