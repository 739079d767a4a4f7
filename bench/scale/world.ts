/** A simulated cluster that runs: its hosts, its clock, and what they send each other. */
import { createHash } from 'node:crypto';
import { parseBlobId } from '@shoal/oci';
import type { HostFacts, HostName, HostRole } from '@shoal/p2p-peer';
import { parseHostName } from '@shoal/p2p-peer/host';
import { type Cluster, RESEND_MS } from './cluster.ts';
import { EventQueue } from './event-queue.ts';
import { Figures } from './figures-of-run.ts';
import { randomOf } from './random.ts';
import { SimHomes } from './sim-homes.ts';
import { SimHost } from './sim-host.ts';
import { SimOrigin } from './sim-origin.ts';
import { SimTracker, zoneName } from './sim-tracker.ts';
import type { SimWire } from './sim-wire.ts';

export class World {
  readonly cluster: Cluster;
  readonly events = new EventQueue();
  readonly figures = new Figures();
  readonly random: () => number;
  readonly tracker: SimTracker;
  readonly origin: SimOrigin;
  readonly homes: SimHomes;
  readonly hosts: SimHost[] = [];
  /** Hosts that live and have not finished. */
  unfinished = 0;
  readonly #byName = new Map<HostName, SimHost>();

  constructor(cluster: Cluster) {
    this.cluster = cluster;
    this.random = randomOf(cluster.seed);
    this.tracker = new SimTracker(this.events, cluster, this.random);
    this.origin = new SimOrigin(this.events, cluster);
    this.homes = new SimHomes(parseBlobId(createHash('sha256').update('blob').digest('hex')));
    this.#addHosts();
  }

  /** Until every host that lives has everything, at most `limitMs` of its own time. */
  run(limitMs: number): void {
    this.events.run(limitMs, () => this.unfinished === 0);
  }

  host(name: HostName): SimHost {
    const host = this.#byName.get(name);
    if (host === undefined) throw new RangeError(`no host ${name}`);
    return host;
  }

  /** A small message to the other side of a wire; one that is gone never gets it. */
  send(wire: SimWire, deliver: () => void): void {
    this.figures.messages += 1;
    this.carry(wire, deliver);
  }

  /** The same, not counted: bytes of blocks. */
  carry({ self, other, oneWayMs }: SimWire, deliver: () => void): void {
    const isLost = this.cluster.lossShare > 0 && this.random() < this.cluster.lossShare;
    this.events.after(oneWayMs + (isLost ? RESEND_MS : 0), () => {
      if (other.isAlive && this.canReach(self, other)) deliver();
    });
  }

  canReach(one: SimHost, other: SimHost): boolean {
    if (this.events.nowMs >= this.cluster.partitionUntilMs) return true;
    return one.facts.zone === other.facts.zone;
  }

  #addHosts(): void {
    const { cluster } = this;
    const facts: HostFacts[] = [];
    for (let zone = 0; zone < Math.min(cluster.zones, cluster.seedZones ?? cluster.zones); zone++) {
      for (let number = 0; number < cluster.seedsPerZone; number++) {
        facts.push(factsOf('seed', zone, `seed-rack-${number}`, `seed-${zone}-${number}`));
      }
    }
    for (let number = 0; number < cluster.hosts; number++) {
      const zone = number % cluster.zones;
      const rack = Math.floor(number / cluster.zones / cluster.rackHosts);
      facts.push(factsOf('peer', zone, `rack-${rack}`, `node-${number}`));
    }
    this.tracker.hosts = facts;
    for (const [index, each] of facts.entries()) this.#addHost(each, index / facts.length);
    if (cluster.seedsDieAtMs !== undefined) this.#killSeeds(cluster.seedsDieAtMs);
  }

  #addHost(facts: HostFacts, place: number): void {
    const { cluster, random } = this;
    const isPeer = facts.role === 'peer';
    const isSlow = isPeer && random() < cluster.slowShare;
    const isLiar = isPeer && random() < cluster.liarShare;
    const { withholderShare } = cluster;
    // Only drawn where there are any: other situations stay as they were.
    const isWithholder = isPeer && withholderShare > 0 && random() < withholderShare;
    const bytesPerMs = isSlow ? cluster.slowBytesPerMs : cluster.hostBytesPerMs;
    const host = new SimHost(this, facts, { bytesPerMs, isLiar, isSlow, isWithholder });
    this.hosts.push(host);
    this.#byName.set(facts.host, host);
    if (!isPeer) return;
    this.unfinished += 1;
    const startMs = cluster.startSpreadMs * (0.5 * place + 0.5 * random());
    this.events.at(startMs, () => host.start());
    if (random() >= cluster.churnShare) return;
    const { churnFromMs, churnUntilMs } = cluster;
    const dieAtMs = churnFromMs + (churnUntilMs - churnFromMs) * random();
    const isSilent = random() < 0.5;
    this.events.at(dieAtMs, () => host.die(isSilent));
  }

  #killSeeds(atMs: number): void {
    for (const host of this.hosts) {
      if (host.facts.role === 'seed') this.events.at(atMs, () => host.die(true));
    }
  }
}

function factsOf(role: HostRole, zone: number, rack: string, name: string): HostFacts {
  return { host: parseHostName(name), role, zone: zoneName(zone), rack, address: '192.0.2.1:1' };
}
