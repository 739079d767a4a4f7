/**
 * What a request line asks for. Nothing is normalised: a path that is not written as the specification
 * writes it is refused, so that no two programs can read it differently. Spec: OCI distribution 1.1.
 */
import { type Digest, isDigest } from '@shoal/oci';
import { isRefusal, type Refusal, refusal } from '../answer/refusal.ts';
import { TARGET_LENGTH_MAX } from '../limits.ts';
import { parseTargetForm } from './target-form.ts';

export type Target =
  | ({ readonly kind: 'ping' } & Named)
  /** Whether the mirror itself is well. */
  | { readonly kind: 'health' }
  | NamedTarget<'manifests', { readonly reference: ManifestReference }>
  | NamedTarget<'blobs', { readonly digest: Digest }>
  | NamedTarget<'referrers', { readonly digest: Digest }>
  | NamedTarget<'tags', Readonly<Record<never, never>>>;

/** What an upstream may be named by, beside the path. */
type Named = {
  /** Of a URL in place of the path: `host[:port]` as it was written. */
  readonly authority: string | undefined;
  readonly query: URLSearchParams;
};

/** All but what the mirror answers by itself. */
export type RoutedTarget = Exclude<Target, { readonly kind: 'health' }>;

type NamedTarget<Kind extends string, More> = More &
  Named & {
    readonly kind: Kind;
    /** As it stands in the path: may start with the host of an upstream. */
    readonly name: string;
  };

export type ManifestReference =
  | { readonly kind: 'tag'; readonly tag: string }
  | { readonly kind: 'digest'; readonly digest: Digest };

const HEALTH_PATH = '/healthz';
const TAG = /^\w[\w.-]{0,127}$/;
/** Everything the specification's paths are made of. */
const PATH = /^\/[A-Za-z0-9._:/-]*$/;
const NAMED = /^\/v2\/(.+)\/(manifests|blobs|referrers|tags)\/([^/]+)$/;

/** `text` is the target of the request line. */
export function parseTarget(text: string): Target | Refusal {
  if (text.length > TARGET_LENGTH_MAX)
    return refusal(414, 'NAME_INVALID', 'the target is too long');
  const form = parseTargetForm(text);
  if (isRefusal(form)) return form;
  const { authority } = form;
  const mark = form.path.indexOf('?');
  // Digests are the one thing that careful clients escape.
  const path = (mark === -1 ? form.path : form.path.slice(0, mark)).replaceAll(/%3a/gi, ':');
  if (!PATH.test(path) || /\/\/|\/\.{1,2}(?:\/|$)/.test(path)) {
    return refusal(400, 'NAME_INVALID', 'the path is not one of the specification');
  }
  const query = new URLSearchParams(mark === -1 ? '' : form.path.slice(mark + 1));
  const names = query.getAll('ns').length + (authority === undefined ? 0 : 1);
  if (names > 1) return refusal(400, 'NAME_INVALID', 'the registry is named twice');
  if (path === '/v2' || path === '/v2/') return { kind: 'ping', query, authority };
  if (path === HEALTH_PATH && authority === undefined) return { kind: 'health' };
  const [, name, collection, rest] = NAMED.exec(path) ?? [];
  if (name === undefined || rest === undefined) {
    return refusal(404, 'NAME_UNKNOWN', 'there is nothing here');
  }
  return namedTarget({ name, query, authority }, collection ?? '', rest);
}

function namedTarget(
  named: Named & { readonly name: string },
  collection: string,
  rest: string,
): Target | Refusal {
  if (collection === 'tags') {
    return rest === 'list'
      ? { kind: 'tags', ...named }
      : refusal(404, 'NAME_UNKNOWN', 'there is nothing here');
  }
  if (collection === 'manifests' && !rest.includes(':')) {
    return TAG.test(rest)
      ? { kind: 'manifests', ...named, reference: { kind: 'tag', tag: rest } }
      : refusal(404, 'MANIFEST_UNKNOWN', 'this cannot be a tag');
  }
  if (!isDigest(rest))
    return refusal(400, 'DIGEST_INVALID', 'this is not a sha256 or sha512 digest');
  switch (collection) {
    case 'manifests':
      return { kind: 'manifests', ...named, reference: { kind: 'digest', digest: rest } };
    case 'blobs':
      return { kind: 'blobs', ...named, digest: rest };
    default:
      return { kind: 'referrers', ...named, digest: rest };
  }
}
