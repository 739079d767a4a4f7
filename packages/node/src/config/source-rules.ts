/**
 * Rules that name registries, beginnings of repositories up to a slash, and web servers with beginnings of
 * paths: what the configuration lets others have this host fetch.
 */
import * as z from 'zod';

export const sourceRule = z
  .string()
  .regex(
    /^(?:https?:)?[a-z0-9.-]+(?::\d{1,5})?(?:\/[^\s/]+)*$/,
    'must be host[:port][/path], of a web server https:host[:port][/path]',
  );

/** `name`: `registry/repository`, or `https:host[:port]/path`. */
export function isCovered(rules: readonly string[], name: string): boolean {
  return rules.some((rule) => name === rule || name.startsWith(`${rule}/`));
}
