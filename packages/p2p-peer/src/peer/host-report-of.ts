/** What this host reports to its trackers every few seconds, for other hosts and for people. */
import type { HostFacts } from '../identity/host.ts';
import { peerIdOf } from '../identity/peer-id.ts';
import type { SwarmId } from '../identity/swarm-id.ts';
import type { PlainBlobStatus } from '../plain/plain-port.ts';
import type { SharedImages } from '../store/shared-images.ts';
import type { SwarmTable } from '../swarm/swarm-table.ts';
import type { HostReport, ReportedBlob } from '../tracker/host-report.ts';
import { IMAGE_NAME_MAX, REPORT_BLOBS_MAX, REPORT_PREHEATS_MAX } from '../tracker/limits.ts';
import type { PeerTraffic } from './peer-traffic.ts';
import type { Preheats } from './preheats.ts';

export type HostReportInput = {
  readonly self: HostFacts;
  readonly version: string;
  readonly traffic: PeerTraffic;
  readonly swarms: SwarmTable;
  readonly preheats: Preheats;
  readonly images: Pick<SharedImages, 'nameOf'>;
  /** Blobs that standard clients may have. */
  readonly offered: () => readonly PlainBlobStatus[];
  /** Undefined while none has waited. */
  readonly missMs?: (() => { readonly p50: number; readonly p99: number } | undefined) | undefined;
};

export function hostReportOf(input: HostReportInput): HostReport {
  const { self, version, traffic, swarms, preheats } = input;
  const offered = new Map(input.offered().map((offer) => [offer.blobId, offer]));
  const shared = swarms.all().flatMap((swarm): ToldBlob[] => {
    const { blobId, sizeBytes, bytesMissing, repository } = swarm;
    // One that only others have asked for is theirs to report.
    if (repository === undefined) return [];
    const heldBytes = sizeBytes - bytesMissing;
    const offer = offered.get(blobId);
    offered.delete(blobId);
    // Its torrent goes with the place where anybody reads it, whatever it was read from last.
    if (offer !== undefined) return [{ ...offer, heldBytes }];
    return [{ blobId, sizeBytes, heldBytes, repository, infohash: undefined }];
  });
  const blobs = chooseTold(shared, [...offered.values()]);
  const missMs = input.missMs?.();
  return {
    version,
    peerId: peerIdOf(self.host),
    zone: self.zone,
    rack: self.rack,
    address: self.address,
    rates: traffic.takeRates(),
    ...(missMs === undefined ? {} : { missMs }),
    blobs: blobs.map((blob) => reportedBlob(input, blob)),
    preheats: preheats.progress().slice(-REPORT_PREHEATS_MAX),
  };
}

/**
 * First those with a torrent, read or not: clients find them by trackers that know of them alone. But half of a report
 * is for blobs in use, so that trackers and their page hear of them however many are offered beside.
 */
export function chooseTold(
  inUse: readonly ToldBlob[],
  offered: readonly ToldBlob[],
): readonly ToldBlob[] {
  const others = inUse.filter(({ infohash }) => infohash === undefined);
  const withTorrent = [...inUse.filter(({ infohash }) => infohash !== undefined), ...offered];
  const kept = Math.min(others.length, REPORT_BLOBS_MAX / 2);
  const first = withTorrent.slice(0, REPORT_BLOBS_MAX - kept);
  return [...first, ...others].slice(0, REPORT_BLOBS_MAX);
}

export type ToldBlob = Pick<
  PlainBlobStatus,
  'blobId' | 'sizeBytes' | 'heldBytes' | 'repository'
> & {
  readonly infohash: SwarmId | undefined;
};

function reportedBlob({ images }: HostReportInput, blob: ToldBlob): ReportedBlob {
  const { blobId, sizeBytes, heldBytes, repository, infohash } = blob;
  // Of an image of that repository: those who may not read another one do not hear its names.
  const name = images.nameOf({ blobId, sizeBytes }, repository)?.slice(0, IMAGE_NAME_MAX);
  return {
    ...{ blob: blobId, sizeBytes, heldBytes, repository },
    ...(name === undefined ? {} : { name }),
    ...(infohash === undefined ? {} : { infohash }),
  };
}
