/**
 * The hosts that live: what they are by their certificates, where they say they stand, what they
 * have reported. A host that says nothing for two intervals is gone, with all its peers.
 */
import { randomBytes } from 'node:crypto';
import type { HostFacts, HostName } from '../../identity/host.ts';
import { TrackerRequestError } from '../errors.ts';
import { HOST_SILENCE_MS_MAX, TRACKER_HOSTS_MAX, ZONES_CACHED_MAX } from '../limits.ts';
import type { TrackedHost } from './swarm-peer.ts';

/** JSON of the hosts, and what tells it from an earlier one. */
export type HostsPage = { readonly etag: string; readonly body: string };

export class HostTable {
  readonly #hosts = new Map<HostName, TrackedHost>();
  /** Another tracker counts its own changes. */
  readonly #epoch = randomBytes(6).toString('hex');
  readonly #pages = new Map<string, HostsPage>();
  #changes = 0;

  get size(): number {
    return this.#hosts.size;
  }

  values(): Iterable<TrackedHost> {
    return this.#hosts.values();
  }

  get(host: HostName): TrackedHost | undefined {
    return this.#hosts.get(host);
  }

  /** It lives, and this is what it says of itself. Throws `ERR_P2P_TRACKER_REQUEST` when there are too many. */
  see(facts: HostFacts, nowMs: number): TrackedHost {
    const tracked = this.#hosts.get(facts.host);
    if (tracked === undefined) return this.#add(facts, nowMs);
    tracked.seenAtMs = nowMs;
    if (!areSame(tracked.facts, facts)) {
      tracked.facts = facts;
      this.#changed();
    }
    return tracked;
  }

  #add(facts: HostFacts, nowMs: number): TrackedHost {
    if (this.#hosts.size >= TRACKER_HOSTS_MAX) throw new TrackerRequestError(503, 'too many hosts');
    const tracked: TrackedHost = {
      facts,
      seenAtMs: nowMs,
      version: '',
      report: undefined,
      held: new Map(),
      peers: new Set(),
    };
    this.#hosts.set(facts.host, tracked);
    this.#changed();
    return tracked;
  }

  delete(tracked: TrackedHost): void {
    if (this.#hosts.delete(tracked.facts.host)) this.#changed();
  }

  /** Those who were silent too long. */
  silent(nowMs: number): readonly TrackedHost[] {
    return [...this.#hosts.values()].filter(
      ({ seenAtMs }) => seenAtMs < nowMs - HOST_SILENCE_MS_MAX,
    );
  }

  /** All of them, or with a zone those in it and the seeds of all zones. */
  page(zone: string | undefined): HostsPage {
    const key = zone === undefined ? '' : `=${zone}`;
    const known = this.#pages.get(key);
    if (known !== undefined) return known;
    const hosts = [...this.#hosts.values()]
      .map(({ facts }) => facts)
      .filter((facts) => zone === undefined || facts.zone === zone || facts.role === 'seed')
      .sort((left, right) => (left.host < right.host ? -1 : 1));
    const etag = `"${this.#epoch}-${this.#changes}"`;
    const page = { etag, body: JSON.stringify({ hosts }) };
    if (this.#pages.size < ZONES_CACHED_MAX) this.#pages.set(key, page);
    return page;
  }

  #changed(): void {
    this.#changes += 1;
    this.#pages.clear();
  }
}

function areSame(left: HostFacts, right: HostFacts): boolean {
  return (
    left.role === right.role &&
    left.zone === right.zone &&
    left.rack === right.rack &&
    left.address === right.address
  );
}
