/**
 * With whom a host keeps wires for a blob: some in its rack, some in its zone, a few elsewhere, so
 * that bytes are near and no zone is an island. Wires that have brought nothing for a while make
 * room for others. Looked at now and then; nothing waits for it.
 */
import type { HostFacts, HostName } from '../identity/host.ts';
import { DISTANCES, type Distance, distanceBetween } from './candidate.ts';
import {
  NEIGHBOUR_IDLE_MS_MAX,
  NEIGHBOURS_DROPPED_MAX,
  NEIGHBOURS_ELSEWHERE_MIN,
  NEIGHBOURS_MAX,
  NEIGHBOURS_MIN,
} from './limits.ts';

export type Neighbour = {
  readonly facts: HostFacts;
  readonly connectedAtMs: number;
  /** When bytes last came from it or went to it. */
  readonly usefulAtMs: number;
};

export type NeighbourPolicyOptions = {
  /** Numbers of [0, 1). */
  readonly random: () => number;
};

export type NeighbourPlan = {
  readonly dial: readonly HostFacts[];
  readonly drop: readonly HostName[];
};

/** Of all; what one class lacks goes to the next one. */
const SHARE: Readonly<Record<Distance, number>> = { rack: 1 / 2, zone: 1 / 3, other: 1 / 6 };

type ByDistance<T> = Readonly<Record<Distance, T[]>>;

export class NeighbourPolicy {
  readonly #self: HostFacts;
  readonly #random: () => number;

  constructor(self: HostFacts, { random }: NeighbourPolicyOptions) {
    this.#self = self;
    this.#random = random;
  }

  /**
   * `known`: hosts that read the same blob, without those that cannot be reached. `connected`: the
   * wires there are, whoever dialled them.
   */
  plan(known: readonly HostFacts[], connected: readonly Neighbour[], nowMs: number): NeighbourPlan {
    const names = new Set(connected.map(({ facts }) => facts.host));
    const others = known.filter(({ host }) => host !== this.#self.host && !names.has(host));
    const drop = others.length === 0 ? [] : this.#useless(connected, nowMs);
    const kept = connected.filter(({ facts }) => !drop.includes(facts.host));
    const wanted = NEIGHBOURS_MIN - kept.length;
    const lacksElsewhere = this.#countElsewhere(kept) < NEIGHBOURS_ELSEWHERE_MIN;
    if (wanted <= 0 && !lacksElsewhere) return { dial: [], drop };
    return { dial: this.#choose(this.#sort(others), kept, Math.max(wanted, 0)), drop };
  }

  /** Whether one more that dials is let in. */
  accepts(count: number): boolean {
    return count < NEIGHBOURS_MAX;
  }

  #choose(others: ByDistance<HostFacts>, kept: readonly Neighbour[], wanted: number): HostFacts[] {
    const chosen: HostFacts[] = [];
    const have = this.#sort(kept.map(({ facts }) => facts));
    for (const distance of DISTANCES) {
      const share = Math.round(NEIGHBOURS_MIN * SHARE[distance]);
      const quota = Math.min(share - have[distance].length, wanted - chosen.length);
      chosen.push(...this.#draw(others[distance], quota));
    }
    const lacking =
      NEIGHBOURS_ELSEWHERE_MIN - have.other.length - chosen.filter((f) => this.#isFar(f)).length;
    if (kept.length + chosen.length < NEIGHBOURS_MAX) {
      chosen.push(...this.#draw(others.other, lacking));
    }
    // The nearest take the place of classes that have too few.
    for (const distance of DISTANCES) {
      chosen.push(...this.#draw(others[distance], wanted - chosen.length));
    }
    return chosen;
  }

  /** Taken out of `hosts`, at random. */
  #draw(hosts: HostFacts[], count: number): HostFacts[] {
    const drawn: HostFacts[] = [];
    while (drawn.length < count && hosts.length > 0) {
      const index = Math.floor(this.#random() * hosts.length);
      const host = hosts[index];
      const last = hosts.pop();
      if (host === undefined || last === undefined) break;
      if (index < hosts.length) hosts[index] = last;
      drawn.push(host);
    }
    return drawn;
  }

  #useless(connected: readonly Neighbour[], nowMs: number): HostName[] {
    return connected
      .filter(({ usefulAtMs, connectedAtMs }) => {
        return nowMs - Math.max(usefulAtMs, connectedAtMs) >= NEIGHBOUR_IDLE_MS_MAX;
      })
      .toSorted((a, b) => a.usefulAtMs - b.usefulAtMs)
      .slice(0, NEIGHBOURS_DROPPED_MAX)
      .map(({ facts }) => facts.host);
  }

  #countElsewhere(connected: readonly Neighbour[]): number {
    return connected.filter(({ facts }) => this.#isFar(facts)).length;
  }

  #isFar(facts: HostFacts): boolean {
    return distanceBetween(this.#self, facts) === 'other';
  }

  #sort(hosts: readonly HostFacts[]): ByDistance<HostFacts> {
    const sorted: ByDistance<HostFacts> = { rack: [], zone: [], other: [] };
    for (const facts of hosts) sorted[distanceBetween(this.#self, facts)].push(facts);
    return sorted;
  }
}
