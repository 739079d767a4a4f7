/**
 * What is to be fetched, as text: a URL, or a reference with, after another colon, the path of a file
 * in it. `host/name:word` is a tag; write `host/name:tag:word`, or a path with a slash in front.
 */
import { type ImageReference, parseReference } from '@shoal/oci';
import { SubjectError } from '../errors.ts';

export type Subject =
  | { readonly kind: 'url'; readonly url: URL }
  | {
      readonly kind: 'reference';
      readonly reference: ImageReference;
      /** As it was written; undefined: all. */
      readonly path: string | undefined;
    };

/** Throws `ERR_OCI_REFERENCE`, `ERR_DOWNLOADS_SUBJECT`. */
export function parseSubject(text: string): Subject {
  if (/^https?:\/\//i.test(text)) return { kind: 'url', url: urlOf(text) };
  const whole = tryReference(text);
  if (whole !== undefined) return { kind: 'reference', reference: whole, path: undefined };
  const hasOtherScheme = /^(?!docker:)[a-z]+:\/\//i.test(text);
  const split = hasOtherScheme ? undefined : splitPath(text);
  if (split !== undefined) return { kind: 'reference', ...split };
  // Says what is wrong with it.
  return { kind: 'reference', reference: parseReference(text), path: undefined };
}

function urlOf(text: string): URL {
  const url = URL.parse(text);
  if (url === null || url.hostname === '') {
    throw new SubjectError('the URL is malformed', { remedy: 'write https://HOST/FILE' });
  }
  if (url.username !== '' || url.password !== '') {
    throw new SubjectError(`the URL of ${url.host} has a user or a password in it`, {
      remedy: 'credentials on a command line are seen by others: use a signed URL, or a registry',
    });
  }
  url.hash = '';
  return url;
}

/** A reference that names its tag or digest itself goes before one that has none. */
function splitPath(text: string) {
  let last: { reference: ImageReference; path: string } | undefined;
  for (let at = text.indexOf(':'); at !== -1; at = text.indexOf(':', at + 1)) {
    const path = text.slice(at + 1);
    const reference = path === '' ? undefined : tryReference(text.slice(0, at));
    if (reference === undefined) continue;
    if (isNamed(reference, text.slice(0, at))) return { reference, path };
    last = { reference, path };
  }
  return last;
}

function isNamed(reference: ImageReference, text: string): boolean {
  if (reference.kind === 'directory') return false;
  if (reference.kind === 'registry' && reference.digest !== undefined) return true;
  return reference.tag !== undefined && text.endsWith(`:${reference.tag}`);
}

function tryReference(text: string): ImageReference | undefined {
  try {
    return parseReference(text);
  } catch {
    return undefined;
  }
}
