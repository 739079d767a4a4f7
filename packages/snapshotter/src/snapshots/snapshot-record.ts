/**
 * A snapshot, and its record in the database: a checksum of its name and what follows (CRC-32, eight
 * hexadecimal digits), a space, JSON. LevelDB does not notice when a bit of a record has changed.
 */
import { crc32 } from 'node:zlib';
import * as z from 'zod';
import { StateDamagedError } from '../errors.ts';
import { type CommittedSnapshot, type Labels, type LazyMark, lazyMark } from './lazy-layers.ts';

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
  /** Microseconds since 1970: two updates in one millisecond differ. */
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
  mark: z.string().transform(lazyMark).optional(),
});

const CHECKSUM_CHARS = 8;

export const REPAIR_REMEDY =
  "run 'shoal snapshotter --repair', see docs/snapshotter.md; no snapshot's files are lost";

export function snapshotId(value: number): SnapshotId {
  return value as SnapshotId;
}

export function encodeSnapshot(snapshot: Snapshot): string {
  const json = JSON.stringify({
    id: snapshot.id,
    kind: snapshot.kind,
    parent: snapshot.parent,
    labels: snapshot.labels,
    created: snapshot.createdMicros,
    updated: snapshot.updatedMicros,
    usage: snapshot.usage,
    mark: snapshot.mark,
  } satisfies { [K in keyof z.input<typeof recordSchema>]: unknown });
  return `${checksum(snapshot.name, json)} ${json}`;
}

/** @throws StateDamagedError */
export function decodeSnapshot(name: string, text: string, place: string): Snapshot {
  const json = text.slice(CHECKSUM_CHARS + 1);
  const isIntact = text.startsWith(`${checksum(name, json)} `);
  const parsed = recordSchema.safeParse(isIntact ? parseJson(json) : undefined);
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0] ?? { path: [], message: '' };
    const detail = isIntact ? `${path.join('.')}: ${message}` : 'the checksum is wrong';
    const what = `the record of snapshot ${name.slice(0, 200)}: ${detail}`;
    throw new StateDamagedError(place, what, { remedy: REPAIR_REMEDY });
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
    mark,
  };
}

/** What the lazy part sees of a snapshot. */
export function committedSnapshot(snapshot: Snapshot, directory: string): CommittedSnapshot {
  const { id, name, labels, mark } = snapshot;
  return { id, name, labels, mark, directory };
}

/** Labels without those of an empty value, which containerd takes for absent. */
export function labelsOf(entries: Iterable<readonly [string, string]>): Labels {
  return Object.fromEntries([...entries].filter(([, value]) => value !== ''));
}

/** What an update leaves of labels: `labels` or `labels.<key>` are replaced; no fields, all of them. */
export function updatedLabels(before: Labels, given: Labels, fields: readonly string[]): Labels {
  if (fields.length === 0 || fields.includes('labels')) return labelsOf(Object.entries(given));
  const after = new Map(Object.entries(before));
  for (const field of fields) {
    const key = field.slice('labels.'.length);
    after.set(key, (Object.hasOwn(given, key) ? given[key] : undefined) ?? '');
  }
  return labelsOf(after);
}

function checksum(name: string, json: string): string {
  return crc32(`${name}\n${json}`).toString(16).padStart(CHECKSUM_CHARS, '0');
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
