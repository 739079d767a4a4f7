/** The simulated tracker: who reads the blob, who lives, and how often it is asked. */
import type { HostFacts } from '@shoal/p2p-peer';
import { type Cluster, TRACKER_FORGETS_MS } from './cluster.ts';
import type { EventQueue } from './event-queue.ts';
import type { SimHost } from './sim-host.ts';

/** Handed out at a time, as a tracker that knows zones and racks does. */
const FROM_RACK = 20;
const FROM_ZONE = 20;
const FROM_ELSEWHERE = 10;

export class SimTracker {
  readonly #events: EventQueue;
  readonly #random: () => number;
  readonly #swarm = new Map<string, SimHost[]>();
  readonly #racks = new Map<string, SimHost[]>();
  /** Hosts that it lists, as a new array each time somebody is gone. */
  hosts: readonly HostFacts[] = [];
  announces = 0;
  /** Announces of each second. */
  readonly perSecond: number[] = [];

  constructor(events: EventQueue, cluster: Cluster, random: () => number) {
    this.#events = events;
    this.#random = random;
    for (let zone = 0; zone < cluster.zones; zone++) this.#swarm.set(zoneName(zone), []);
  }

  announce(host: SimHost): SimHost[] {
    this.announces += 1;
    const second = Math.floor(this.#events.nowMs / 1000);
    this.perSecond[second] = (this.perSecond[second] ?? 0) + 1;
    const found = new Set<SimHost>();
    this.#draw(found, this.#racks.get(rackKey(host.facts)), FROM_RACK);
    for (const [zone, members] of this.#swarm) {
      const share = FROM_ELSEWHERE / Math.max(1, this.#swarm.size - 1);
      this.#draw(found, members, zone === host.facts.zone ? FROM_ZONE : share);
    }
    found.delete(host);
    if (!host.hasAnnounced) this.#add(host);
    host.hasAnnounced = true;
    return [...found];
  }

  #add(host: SimHost): void {
    const key = rackKey(host.facts);
    const rack = this.#racks.get(key);
    if (rack === undefined) this.#racks.set(key, [host]);
    else rack.push(host);
    this.#swarm.get(host.facts.zone)?.push(host);
  }

  #draw(found: Set<SimHost>, members: readonly SimHost[] = [], count: number): void {
    for (let drawn = 0; drawn < count; drawn++) {
      const member = members[Math.floor(this.#random() * members.length)];
      if (member !== undefined) found.add(member);
    }
  }

  /** It notices some time after. */
  died(host: SimHost): void {
    this.#events.after(TRACKER_FORGETS_MS, () => {
      this.hosts = this.hosts.filter((facts) => facts !== host.facts);
      for (const members of [
        this.#swarm.get(host.facts.zone),
        this.#racks.get(rackKey(host.facts)),
      ]) {
        const index = members?.indexOf(host) ?? -1;
        if (index !== -1) members?.splice(index, 1);
      }
    });
  }
}

function rackKey({ zone, rack }: HostFacts): string {
  return `${zone} ${rack}`;
}

export function zoneName(zone: number): string {
  return `zone-${zone}`;
}
