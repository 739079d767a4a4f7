/**
 * The hosts that trackers tell of. Kept while no tracker answers; and one that a tracker does not name
 * any more is kept for a while, because a tracker that was started anew knows nobody at first: homes
 * of extents would move to and fro.
 */
import type { HostFacts, HostName } from '../identity/host.ts';
import { HOST_KNOWN_MS } from '../limits.ts';

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

  /** What one tracker, or several, name now. */
  named(hosts: readonly HostFacts[], nowMs: number): void {
    for (const facts of hosts) this.#hosts.set(facts.host, { facts, namedAtMs: nowMs });
    for (const [host, { namedAtMs }] of this.#hosts) {
      if (namedAtMs < nowMs - HOST_KNOWN_MS) this.#hosts.delete(host);
    }
    this.#list = undefined;
  }
}
