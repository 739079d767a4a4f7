/** What this host reports to its trackers every few seconds, for other hosts and for people. */
import type { HostFacts } from '../identity/host.ts';
import { peerIdOf } from '../identity/peer-id.ts';
import type { HostReport } from '../tracker/host-report.ts';
import { REPORT_BLOBS_MAX, REPORT_PREHEATS_MAX } from '../tracker/limits.ts';
import type { PeerTraffic } from './peer-traffic.ts';
import type { Preheats } from './preheats.ts';
import type { SwarmTable } from './swarm-table.ts';

export type HostReportInput = {
  readonly self: HostFacts;
  readonly version: string;
  readonly traffic: PeerTraffic;
  readonly swarms: SwarmTable;
  readonly preheats: Preheats;
};

export function hostReport(input: HostReportInput): HostReport {
  const { self, version, traffic, swarms, preheats } = input;
  const blobs = swarms.all().flatMap((swarm) => {
    const { blobId, sizeBytes, bytesMissing, repository } = swarm;
    // One that only others have asked for is theirs to report.
    if (repository === undefined) return [];
    return [{ blob: blobId, sizeBytes, heldBytes: sizeBytes - bytesMissing, repository }];
  });
  return {
    version,
    peerId: peerIdOf(self.host),
    zone: self.zone,
    rack: self.rack,
    address: self.address,
    rates: traffic.takeRates(),
    blobs: blobs.slice(0, REPORT_BLOBS_MAX),
    preheats: preheats.progress().slice(-REPORT_PREHEATS_MAX),
  };
}
