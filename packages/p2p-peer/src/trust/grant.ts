/** What a token allows: which host may read which repositories, until when. */
import type { HostName } from '../identity/host.ts';
import { REPOSITORY_CHARACTERS_MAX } from './limits.ts';

export type Grant = {
  readonly host: HostName;
  /** `registry/name`, `registry/prefix/*`, or `*`. */
  readonly repositories: readonly string[];
  readonly expiresAtMs: number;
  /** Names the token in logs; tells nothing of it. */
  readonly id: string;
};

/** Everything. */
const ALL = '*';
const REST = '/*';
/** Registries may have ports; upper case is kept, since to compare otherwise would widen a rule. */
const SEGMENTS = /^[A-Za-z0-9][A-Za-z0-9._:-]*(?:\/[A-Za-z0-9_][A-Za-z0-9._-]*)*$/;

/** Whether text is a path of plain parts, as `registry/name`: no `..`, no empty part, no pattern. One part will do. */
function isPlainPath(text: string): boolean {
  if (text.length > REPOSITORY_CHARACTERS_MAX || text.includes('..')) return false;
  return SEGMENTS.test(text);
}

/** Whether text may stand among the repositories of a grant. */
export function isRepositoryRule(text: string): boolean {
  if (text === ALL) return true;
  return isPlainPath(text.endsWith(REST) ? text.slice(0, -REST.length) : text);
}

/**
 * Whether the grant covers a repository. `prefix/*` covers what lies below `prefix`, not `prefix`
 * itself, and nothing that only starts with the same letters.
 */
export function isCovered(grant: Pick<Grant, 'repositories'>, repository: string): boolean {
  if (!isPlainPath(repository)) return false;
  return grant.repositories.some((rule) => covers(rule, repository));
}

function covers(rule: string, repository: string): boolean {
  if (rule === ALL) return true;
  if (rule.endsWith(REST) && isRepositoryRule(rule))
    return repository.startsWith(rule.slice(0, -1));
  return rule === repository;
}
