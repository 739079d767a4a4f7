/** Reads figures out of what `shoal status --json` and `shoal trace --json` print. */

export type MissFigures = {
  /** Stored bytes fetched from all sources. */
  readonly bytesFetched: number;
  readonly requests: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
};

/** Of the first blob of the first mount; throws when the status has none. */
export function daemonFigures(status: unknown): MissFigures {
  const blob = first(member(first(member(status, 'mounts')), 'blobs'));
  const bySource = member(member(blob, 'fetched'), 'bySource');
  const misses = member(blob, 'misses');
  return {
    bytesFetched: Object.values(asObject(bySource)).reduce<number>((sum, n) => sum + Number(n), 0),
    requests: Number(member(blob, 'requests')),
    p50Ms: Number(member(misses, 'p50Ms')),
    p99Ms: Number(member(misses, 'p99Ms')),
  };
}

/** Bytes of a blob's uncompressed address space that a reader waited for. */
export type WaitedRange = {
  readonly blobId: string;
  readonly offset: number;
  readonly length: number;
};

/** The reads of a trace; throws when it has none. */
export function waitedRanges(trace: unknown): readonly WaitedRange[] {
  const reads = member(first(trace), 'reads');
  if (!Array.isArray(reads)) throw new Error('the trace is not as expected');
  return reads.map((read) => ({
    blobId: String(member(read, 'blobId')),
    offset: Number(member(read, 'offset')),
    length: Number(member(read, 'length')),
  }));
}

/** The driver of the mount at a place; throws when the status has none. */
export function driverAt(status: unknown, mountpoint: string): string {
  const mounts = member(status, 'mounts');
  const found = Array.isArray(mounts)
    ? mounts.find((mount) => member(mount, 'mountpoint') === mountpoint)
    : undefined;
  return String(member(found, 'driver'));
}

function asObject(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw new Error('the status is not as expected');
  return { ...value };
}

function member(value: unknown, name: string): unknown {
  return asObject(value)[name];
}

function first(value: unknown): unknown {
  if (!Array.isArray(value) || value.length === 0) throw new Error('the status lists nothing');
  return value[0];
}
