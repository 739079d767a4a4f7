/**
 * What a client has to mount for a snapshot, as containerd's overlayfs snapshotter says it: a bind
 * mount while there is one directory, else overlayfs. Paths are short (`ROOT/snapshots/12/fs`):
 * containerd changes into their common directory when the options would not fit a page.
 */
import { GID_MAPPING_LABEL, UID_MAPPING_LABEL } from './id-mapping.ts';
import type { Labels } from './lazy-layers.ts';
import type { SnapshotKind } from './snapshot-record.ts';

export type Mount = {
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
};

export type MountInput = {
  readonly kind: Exclude<SnapshotKind, 'committed'>;
  /** Of the snapshot itself. */
  readonly upper: string;
  readonly work: string;
  /** Nearest first. */
  readonly lowers: readonly string[];
  readonly labels: Labels;
};

export type OverlayFeatures = {
  /** `userxattr`, `index=off`: what this host needs at every overlay mount. */
  readonly options: readonly string[];
  /** The kernel maps ids of overlay and bind mounts. */
  readonly mapsIds: boolean;
};

export function overlayMounts(input: MountInput, features: OverlayFeatures): Mount[] {
  const { kind, upper, work, lowers } = input;
  const mapping = features.mapsIds ? mappingOptions(input.labels) : [];
  const [nearest] = lowers;
  if (nearest === undefined) {
    return [bind(upper, [...mapping, kind === 'view' ? 'ro' : 'rw', 'rbind'])];
  }
  if (kind === 'view' && lowers.length === 1) return [bind(nearest, [...mapping, 'ro', 'rbind'])];
  const writable = kind === 'active' ? [`workdir=${work}`, `upperdir=${upper}`] : [];
  const options = [...mapping, ...writable, `lowerdir=${lowers.join(':')}`, ...features.options];
  return [{ type: 'overlay', source: 'overlay', options }];
}

function bind(source: string, options: readonly string[]): Mount {
  return { type: 'bind', source, options };
}

function mappingOptions(labels: Labels): string[] {
  const uids = labels[UID_MAPPING_LABEL];
  const gids = labels[GID_MAPPING_LABEL];
  return [
    ...(uids === undefined ? [] : [`uidmap=${uids}`]),
    ...(gids === undefined ? [] : [`gidmap=${gids}`]),
  ];
}
