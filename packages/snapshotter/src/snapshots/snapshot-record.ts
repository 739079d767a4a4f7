/**
 * A snapshot, and its record in the database: JSON under its name. Times are microseconds since
 * 1970, so that two updates in one millisecond differ.
 */
import { z } from 'zod';
import { StateDamagedError } from '../errors.ts';
import type { Labels, LazyMark } from './lazy-layers.ts';

declare const snapshotIdBrand: unique symbol;

/** Names the snapshot's directory. Never used twice. */
export type SnapshotId = number & { readonly [snapshotIdBrand]: true };

/** `active` can be written and committed, `view` only be read; only `committed` can be a parent. */
export type SnapshotKind = 'active' | 'view' | 'committed';

/** What a snapshot takes without its parents. */
export type Usage = {
  /** Bytes on disk. */
  readonly size: number;
  readonly inodes: number;
};

export type Snapshot = {
  readonly id: SnapshotId;
  /** containerd's key while it is active or a view, its name when it is committed. */
  readonly name: string;
  /** Name of the parent; undefined: it has none. */
  readonly parent: string | undefined;
  readonly kind: SnapshotKind;
  readonly labels: Labels;
  /** Microseconds since 1970. */
  readonly createdMicros: number;
  readonly updatedMicros: number;
  /** Measured when it was committed. */
  readonly usage: Usage | undefined;
  /** Of the lazy part. */
  readonly mark: LazyMark | undefined;
};

const integer = z.number().int().min(0);

const recordSchema = z.strictObject({
  id: integer.min(1),
  kind: z.enum(['active', 'view', 'committed']),
  parent: z.string().min(1).optional(),
  // Not a z.record, which loses a key such as `__proto__`.
  labels: z.custom<Labels>(isLabels, 'labels are texts').optional(),
  created: integer,
  updated: integer,
  usage: z.strictObject({ size: integer, inodes: integer }).optional(),
  mark: z.string().optional(),
});

export function snapshotId(value: number): SnapshotId {
  return value as SnapshotId;
}

export function encodeSnapshot(snapshot: Snapshot): string {
  return JSON.stringify({
    id: snapshot.id,
    kind: snapshot.kind,
    parent: snapshot.parent,
    labels: snapshot.labels,
    created: snapshot.createdMicros,
    updated: snapshot.updatedMicros,
    usage: snapshot.usage,
    mark: snapshot.mark,
  } satisfies { [K in keyof z.input<typeof recordSchema>]: unknown });
}

/** @throws StateDamagedError */
export function decodeSnapshot(name: string, text: string, place: string): Snapshot {
  const parsed = recordSchema.safeParse(parseJson(text));
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new StateDamagedError(
      place,
      `the record of snapshot ${name.slice(0, 200)}: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`,
      { remedy: 'see "The state is damaged" in docs/snapshotter.md' },
    );
  }
  const { id, kind, parent, labels, created, updated, usage, mark } = parsed.data;
  return {
    id: snapshotId(id),
    name,
    parent,
    kind,
    labels: labels ?? {},
    createdMicros: created,
    updatedMicros: updated,
    usage,
    mark: mark as LazyMark | undefined,
  };
}

/** Labels without those of an empty value, which containerd takes for absent. */
export function labelsOf(entries: Iterable<readonly [string, string]>): Labels {
  return Object.fromEntries([...entries].filter(([, value]) => value !== ''));
}

function isLabels(value: unknown): value is Labels {
  if (typeof value !== 'object' || value === null) return false;
  return Object.values(value).every((label) => typeof label === 'string');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
