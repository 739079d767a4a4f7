/** Which repositories which hosts may read, as whoever runs the tracker has said. */
import type { HostName } from '../../identity/host.ts';
import { isRepositoryRule } from '../../trust/grant.ts';
import { TOKEN_REPOSITORIES_MAX } from '../../trust/limits.ts';
import { TrackerOptionsError } from '../errors.ts';
import { HOST_RULES_REMEMBERED_MAX } from '../limits.ts';

/** Hosts by a pattern (`*` stands for any characters), and rules of repositories. */
export type HostGrant = { readonly hosts: string; readonly repositories: readonly string[] };

const PATTERN = /^[A-Za-z0-9._*-]{1,253}$/;

export class HostPolicy {
  readonly #grants: readonly HostGrant[];
  readonly #known = new Map<HostName, readonly string[]>();

  /** Throws `ERR_P2P_TRACKER_OPTIONS`. */
  constructor(grants: readonly HostGrant[]) {
    for (const { hosts, repositories } of grants) {
      if (!PATTERN.test(hosts)) throw new TrackerOptionsError(`${hosts} is no pattern of hosts`);
      checkRules(repositories);
    }
    const rules = new Set(grants.flatMap(({ repositories }) => repositories));
    if (rules.size > TOKEN_REPOSITORIES_MAX) {
      throw new TrackerOptionsError(`more than ${TOKEN_REPOSITORIES_MAX} rules of repositories`);
    }
    this.#grants = grants;
  }

  /** Those of every pattern that the host's name fits. */
  repositoriesOf(host: HostName): readonly string[] {
    const known = this.#known.get(host);
    if (known !== undefined) return known;
    const fitting = this.#grants.filter(({ hosts }) => fits(hosts, host));
    const rules = [...new Set(fitting.flatMap(({ repositories }) => repositories))];
    if (this.#known.size > HOST_RULES_REMEMBERED_MAX) this.#known.clear();
    this.#known.set(host, rules);
    return rules;
  }
}

/** Throws `ERR_P2P_TRACKER_OPTIONS`. */
export function checkRules(rules: readonly string[]): void {
  const wrong = rules.find((rule) => !isRepositoryRule(rule));
  if (wrong !== undefined) throw new TrackerOptionsError(`${wrong} names no repositories`);
}

/** Each part between stars is looked for once, from where the one before ended. */
function fits(pattern: string, host: string): boolean {
  const [head = '', ...rest] = pattern.split('*');
  const tail = rest.pop();
  if (tail === undefined) return pattern === host;
  if (!host.startsWith(head) || !host.endsWith(tail)) return false;
  let at = head.length;
  for (const part of rest) {
    const found = host.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return at <= host.length - tail.length;
}
