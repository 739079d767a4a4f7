/** The situations that are simulated: what differs from `CLUSTER` in each. */
import type { Cluster } from './cluster.ts';

export type Situation = { readonly name: string; readonly changes: Partial<Cluster> };

export const SITUATIONS: readonly Situation[] = [
  { name: 'all at once', changes: {} },
  { name: 'over 2 s', changes: { startSpreadMs: 2000 } },
  { name: '10 % die midway', changes: { churnShare: 0.1, churnFromMs: 50, churnUntilMs: 350 } },
  { name: '5 % at 10 Mbit/s', changes: { slowShare: 0.05 } },
  { name: 'no seeds', changes: { seedsPerZone: 0 } },
  { name: 'no seeds, 5 % slow', changes: { seedsPerZone: 0, slowShare: 0.05 } },
  { name: 'all seeds die at 0.1 s', changes: { seedsDieAtMs: 100 } },
  { name: '4 zones', changes: { zones: 4 } },
  {
    name: 'zone without seeds, cut off 3 s',
    changes: { zones: 2, seedZones: 1, partitionUntilMs: 3000 },
  },
  {
    name: 'origin 100 Mbit/s, 50 requests/s',
    changes: { originBytesPerMs: 12_500, originRequestsPerSecond: 50 },
  },
  { name: '0.1 % lost', changes: { lossShare: 0.001 } },
  { name: '2 % lie', changes: { liarShare: 0.02 } },
  { name: '5 % refuse all', changes: { withholderShare: 0.05 } },
  { name: 'no seeds, 5 % refuse all', changes: { seedsPerZone: 0, withholderShare: 0.05 } },
];

/** Those of that name. */
export function situationsOf(...names: readonly string[]): Situation[] {
  return SITUATIONS.filter(({ name }) => names.includes(name));
}
