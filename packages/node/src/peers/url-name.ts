/**
 * A URL as hosts name where a blob is from: `https:HOST[:PORT]/PATH`, which no registry can be called, and
 * which tokens may cover as any repository. Only what can be written so without loss has such a name:
 * nothing behind a question mark, which may be a secret, no unusual letters.
 */
const NAME = /^https?:[a-z0-9][a-z0-9.-]*(?::\d{1,5})?(?:\/[A-Za-z0-9_][A-Za-z0-9._-]*)+$/;
/** Stays below what tokens and reports take as a repository, 509. */
const NAME_CHARACTERS_MAX = 500;

/** Undefined where it has no such name. */
export function urlName({ protocol, host, pathname, search }: URL): string | undefined {
  const name = `${protocol}${host}${pathname}`;
  return search === '' && isUrlName(name) ? name : undefined;
}

function isUrlName(text: string): boolean {
  return text.length <= NAME_CHARACTERS_MAX && !text.includes('..') && NAME.test(text);
}

/** The URL of a name; undefined where it is none. */
export function urlOfName(name: string): URL | undefined {
  if (!isUrlName(name)) return undefined;
  const url = URL.parse(name.replace(':', '://'));
  // Nothing that the parser makes something else of, such as an address in other digits.
  return url !== null && urlName(url) === name ? url : undefined;
}
