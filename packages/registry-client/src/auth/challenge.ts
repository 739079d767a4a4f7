/**
 * `WWW-Authenticate` challenges. Spec: RFC 9110 section 11.6.1.
 */
import { CHALLENGES_MAX } from '../limits.ts';
export type Challenge = {
  /** Lower case: `basic`, `bearer`. */
  readonly scheme: string;
  readonly parameters: ReadonlyMap<string, string>;
};

/** A scheme, a `name=value` or `name="value"` pair, or a separator. */
const TOKEN =
  /\s*(?:([!#$%&'*+.^_`|~\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))|([!#$%&'*+.^_`|~\w-]+)|(,))/gy;

/** Parses the header's value; what cannot be read ends the list. */
export function parseChallenges(header: string): Challenge[] {
  const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
  for (const [, name, quotedValue, plainValue, scheme] of header.matchAll(TOKEN)) {
    if (scheme !== undefined) {
      if (challenges.length === CHALLENGES_MAX) break;
      challenges.push({ scheme: scheme.toLowerCase(), parameters: new Map() });
    } else if (name !== undefined) {
      const value = quotedValue?.replaceAll(/\\(.)/g, '$1') ?? plainValue ?? '';
      challenges.at(-1)?.parameters.set(name.toLowerCase(), value);
    }
  }
  return challenges;
}
