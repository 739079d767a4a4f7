/** What is wrong with a configuration, in words of whoever wrote it: a key of the file, or an option. */
import type { ShoalError } from '@shoal/errors';
import type * as z from 'zod';
import { ConfigError, PeerOptionError } from './errors.ts';

/** Options of `shoal peer` by the key of `[peer]` that they stand for. */
const PEER_OPTIONS: ReadonlyMap<PropertyKey, string> = new Map([
  ['listen', '--listen'],
  ['advertise', '--advertise'],
  ['identity', '--identity'],
  ['zone', '--zone'],
  ['rack', '--rack'],
  ['directory', '--directory'],
  ['bytes_max', '--bytes-max'],
  ['trackers', '--tracker'],
  ['seeds', '--seed'],
  ['origins', '--origin'],
]);

export type KeySource = {
  readonly file: string;
  /** Keys of `[peer]` that options gave. */
  readonly peer: Readonly<Record<string, unknown>>;
  /** Without them nothing is wrong: what is missing is missing beside the options. */
  readonly isFileRight: boolean;
};

export function wrongKeyError(error: z.ZodError, source: KeySource): ShoalError {
  const [issue] = error.issues;
  if (issue === undefined) return new ConfigError(source.file, 'is not valid');
  const option = optionOf(issue.path, source);
  if (option === undefined) return new ConfigError(source.file, describeIssue(issue));
  return new PeerOptionError(option, issue.message);
}

function optionOf(
  [table, key]: readonly PropertyKey[],
  { peer, isFileRight }: KeySource,
): string | undefined {
  if (table !== 'peer' || key === undefined) return undefined;
  const isGiven = typeof key === 'string' && peer[key] !== undefined;
  return isGiven || isFileRight ? PEER_OPTIONS.get(key) : undefined;
}

function describeIssue(issue: z.core.$ZodIssue): string {
  if (issue.code === 'unrecognized_keys') {
    const keys = issue.keys.map((key) => [...issue.path, key].join('.'));
    return `unknown key ${keys.join(', ')}`;
  }
  return `${issue.path.join('.')}: ${issue.message}`;
}
