/** Snapshots as the messages of containerd's API. */
import type { Labels } from '../snapshots/lazy-layers.ts';
import type { Mount } from '../snapshots/overlay-mounts.ts';
import type { Snapshot } from '../snapshots/snapshot-record.ts';
import type { Timestamp } from './gen/google/protobuf/timestamp.ts';
import { type Info, Kind } from './gen/snapshots.ts';
import type { Mount as MountMessage } from './gen/types/mount.ts';

const KIND = { view: Kind.VIEW, active: Kind.ACTIVE, committed: Kind.COMMITTED } as const;

export function infoMessage(snapshot: Snapshot): Info {
  return {
    name: snapshot.name,
    parent: snapshot.parent ?? '',
    kind: KIND[snapshot.kind],
    createdAt: timestamp(snapshot.createdMicros),
    updatedAt: timestamp(snapshot.updatedMicros),
    labels: new Map(Object.entries(snapshot.labels)),
  };
}

export function mountMessages(mounts: readonly Mount[]): MountMessage[] {
  return mounts.map(({ type, source, options }) => ({
    ...{ type, source, target: '', options: [...options] },
  }));
}

export function labelsOfMessage(labels: ReadonlyMap<string, string>): Labels {
  return Object.fromEntries(labels);
}

/** proto3 has no absent text: the empty one stands for it. */
export function textOfMessage(text: string): string | undefined {
  return text === '' ? undefined : text;
}

/** Infos in messages that a client takes, by number and by bytes. */
export async function* infoBatches(
  snapshots: AsyncIterable<Snapshot>,
  limits: { readonly count: number; readonly bytes: number },
): AsyncGenerator<Info[], void, void> {
  let batch: Info[] = [];
  let bytes = 0;
  for await (const snapshot of snapshots) {
    batch.push(infoMessage(snapshot));
    bytes += approximateBytes(snapshot);
    if (batch.length < limits.count && bytes < limits.bytes) continue;
    yield batch;
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield batch;
}

/** In characters: a client takes many times more than a batch, and few names are not ASCII. */
function approximateBytes({ name, parent = '', labels }: Snapshot): number {
  const texts = Object.entries(labels).flat();
  return texts.reduce((sum, text) => sum + text.length + 4, name.length + parent.length + 64);
}

function timestamp(micros: number): Timestamp {
  const seconds = Math.floor(micros / 1_000_000);
  return { seconds, nanos: (micros - seconds * 1_000_000) * 1000 };
}
