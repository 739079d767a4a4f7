/**
 * The hosts that trackers, or names of services, tell of. Kept while nobody answers; and one that is not
 * named any more is kept for a while, because a tracker that was started anew knows nobody at first, and
 * a host that is busy may miss its turn: homes of extents would move to and fro.
 */
import type { HostFacts, HostName } from '../identity/host.ts';
import { HOST_KNOWN_MS } from './limits.ts';

export class KnownHosts {
  readonly #hosts = new Map<HostName, { readonly facts: HostFacts; readonly namedAtMs: number }>();
  #list: readonly HostFacts[] | undefined;

  /** By name. The same array as long as nothing changes. */
  list(): readonly HostFacts[] {
    this.#list ??= [...this.#hosts.values()]
      .map(({ facts }) => facts)
      .sort((left, right) => (left.host < right.host ? -1 : 1));
    return this.#list;
  }

  /** Who is named now, by one of them or several. */
  named(hosts: readonly HostFacts[], nowMs: number): void {
    for (const facts of hosts) this.#hosts.set(facts.host, { facts, namedAtMs: nowMs });
    for (const [host, { namedAtMs }] of this.#hosts) {
      if (namedAtMs < nowMs - HOST_KNOWN_MS) this.#hosts.delete(host);
    }
    this.#list = undefined;
  }
}
