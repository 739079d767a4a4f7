/**
 * Regular expressions of filters. containerd takes Go's, which are matched in linear time; a client
 * must not hold the daemon up with one that is not. V8 has an engine that is linear for what Go's
 * syntax can say; what it cannot run matches nothing, as containerd does with what does not compile.
 */
import { setFlagsFromString } from 'node:v8';
import { FILTER_REGEXP_BYTES_MAX } from './limits.ts';

// Allows the flag `l`; other regular expressions are not touched.
setFlagsFromString('--enable-experimental-regexp-engine');

/** Whether a text has a match. */
export function compileRegexp(pattern: string): (text: string) => boolean {
  if (Buffer.byteLength(pattern) > FILTER_REGEXP_BYTES_MAX) return () => false;
  const [prefix = '', flags = ''] = /^\(\?([ims]+)\)/.exec(pattern) ?? [];
  const ignoresCase = flags.includes('i');
  const body = inOurSyntax(pattern.slice(prefix.length));
  const compiled = linear(ignoresCase ? lowerCase(body) : body, flags.replaceAll('i', ''));
  if (compiled === undefined) return () => false;
  return (text) => compiled.test(ignoresCase ? text.toLowerCase() : text);
}

function inOurSyntax(pattern: string): string {
  return pattern.replaceAll('(?P<', '(?<').replaceAll('\\A', '^').replaceAll('\\z', '$');
}

/** The linear engine does not know the flag `i`. Escapes such as `\D` stay. */
function lowerCase(pattern: string): string {
  return pattern.replaceAll(/\\.|[A-Z]/g, (part) => (part.length > 1 ? part : part.toLowerCase()));
}

function linear(pattern: string, flags: string): RegExp | undefined {
  try {
    return new RegExp(pattern, `l${[...new Set(flags)].join('')}`);
  } catch {
    return undefined;
  }
}
