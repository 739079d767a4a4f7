/** The rates of many hosts together. */
import { NO_RATES, type TransferRates } from '../host-report.ts';
import type { TrackedHost } from './swarm-peer.ts';

export function totalRates(hosts: Iterable<TrackedHost>): TransferRates {
  const total = { ...NO_RATES };
  for (const { report } of hosts) {
    if (report === undefined) continue;
    const { local, rack, zone, other, origin, upload } = report.rates;
    total.local += local;
    total.rack += rack;
    total.zone += zone;
    total.other += other;
    total.origin += origin;
    total.upload += upload;
  }
  return total;
}
