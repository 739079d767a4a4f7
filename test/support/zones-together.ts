/**
 * Hosts of several zones and racks start one image together: every byte right, each zone has its bytes
 * from itself, and the registry gives each of them about one image.
 */

import type { HostPlace, PeerMachine } from './peer-network.ts';
import { movedBytes, peerOf } from './peer-world.ts';
import { type Asserting, startTogether, type TogetherOptions } from './start-together.ts';

export type Zones = {
  readonly zones: number;
  /** Of each zone. */
  readonly racks: number;
  /** One way between two zones. */
  readonly delayMs: number;
  /** What the registry may give to each, by the bytes that one host needs. */
  readonly timesMax: number;
};

/** `seeds` and `hosts` are of all zones together; each zone has as many. */
export async function startInZones(
  t: Asserting,
  options: TogetherOptions,
  { zones, racks, delayMs, timesMax }: Zones,
): Promise<void> {
  const of = (number: number): HostPlace => {
    const zone = number % zones;
    return { zone, rack: `r${Math.floor(number / zones) % racks}` };
  };
  const inZone = <T>(zone: number, all: readonly T[]) =>
    all.filter((_, number) => of(number).zone === zone);
  await startTogether(t, {
    ...options,
    places: { zones, delayMs, of },
    after: async ({ network, seeds, peers }) => {
      for (let zone = 0; zone < zones; zone++) {
        const readers = inZone(zone, peers);
        const traffic = await trafficOf(readers);
        const egress = network.registryBytesTo([...inZone(zone, seeds), ...readers]);
        const times = egress / traffic.most;
        t.comment(
          `zone ${zone}: ${readers.length} hosts in ${racks} racks, ${zone === 0 ? 0 : delayMs} ms from the registry; ` +
            `${egress} bytes of blobs from the registry, ${times.toFixed(2)} times the ${traffic.most} of one host`,
        );
        const { rack, zone: near, other } = traffic;
        t.comment(
          `zone ${zone}: from hosts of the rack ${rack}, of the zone ${near}, of others ${other}`,
        );
        t.ok(traffic.rack + traffic.zone > 0, `hosts of zone ${zone} had bytes of their zone`);
        t.ok(times <= timesMax, `the registry gave zone ${zone} at most ${timesMax} images`);
      }
    },
  });
}

type ZoneTraffic = {
  readonly rack: number;
  readonly zone: number;
  readonly other: number;
  /** What the host needs that has moved most. */
  readonly most: number;
};

async function trafficOf(readers: readonly PeerMachine[]): Promise<ZoneTraffic> {
  const all = await Promise.all(readers.map(peerOf));
  const sum = (source: 'rack' | 'zone' | 'other') =>
    all.reduce((bytes, { traffic }) => bytes + traffic[source], 0);
  const most = Math.max(...all.map(movedBytes));
  return { rack: sum('rack'), zone: sum('zone'), other: sum('other'), most };
}
