/** What `shoal trace` is made of: the reads of a mount that waited, and where its metadata lies. */
import type { TracedMisses } from '../blobs/miss-trace.ts';
import type { ServedBlob } from '../blobs/served-blob.ts';
import type { MountRecord } from '../state/mount-record.ts';

export type MountTrace = {
  readonly mountpoint: string;
  readonly reference: string;
  readonly manifestDigest: string;
  /** Tells which file a part of a blob belongs to. */
  readonly bootstrapFile: string;
  /** In the order of the image's device table. Mounts that share a blob share its reads. */
  readonly blobs: readonly ({ readonly blobId: string } & TracedMisses)[];
};

export type TracedPlan = {
  readonly record: MountRecord;
  readonly blobs: readonly ServedBlob[];
  readonly driverRequest: { readonly metadataFile: string };
};

/** By mountpoint, or by what was mounted there: its reference or the digest of its manifest. */
export function traceMounts(plans: Iterable<TracedPlan>, names: ReadonlySet<string>): MountTrace[] {
  const isNamed = ({ record }: TracedPlan) =>
    names.has(record.mountpoint) || names.has(record.reference) || names.has(record.manifestDigest);
  return [...plans].filter(isNamed).map(traceMount);
}

function traceMount({ record, blobs, driverRequest }: TracedPlan): MountTrace {
  const { mountpoint, reference, manifestDigest } = record;
  return {
    ...{ mountpoint, reference, manifestDigest },
    bootstrapFile: driverRequest.metadataFile,
    blobs: blobs.map((blob) => ({ blobId: blob.blobId, ...blob.misses() })),
  };
}

export function countByDriver(plans: Iterable<TracedPlan>): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { record } of plans) counts.set(record.driver, (counts.get(record.driver) ?? 0) + 1);
  return counts;
}
