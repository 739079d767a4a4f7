/**
 * User-namespace mappings as containerd's labels write them: `container:host:size[,...]`.
 * Semantics: containerd `internal/userns/idmap.go`.
 */
import { stat } from 'node:fs/promises';
import { SnapshotRequestError } from './errors.ts';
import type { Labels } from './lazy-layers.ts';
import { ID_RANGES_MAX } from './limits.ts';

export const UID_MAPPING_LABEL = 'containerd.io/snapshot/uidmapping';
export const GID_MAPPING_LABEL = 'containerd.io/snapshot/gidmapping';

export type Owner = { readonly uid: number; readonly gid: number };

type Range = { readonly container: number; readonly host: number; readonly size: number };

/** `(uid_t) -1`. */
const INVALID_ID = 0xffff_ffff;

/**
 * Whom the root of the container is on the host; undefined without mapping labels.
 *
 * @throws SnapshotRequestError
 */
export function mappedRoot(labels: Labels): Owner | undefined {
  const uids = labels[UID_MAPPING_LABEL];
  const gids = labels[GID_MAPPING_LABEL];
  if (uids === undefined && gids === undefined) return undefined;
  return { uid: hostOfRoot(uids), gid: hostOfRoot(gids) };
}

/**
 * True when the nearest layer belongs to the mapped root. A containerd that was not told of the
 * capability `remap-ids` changes the owners of all files itself, and gives the labels all the same:
 * mapping once more would be wrong.
 */
export async function isMappedAlready(layer: string | undefined, labels: Labels): Promise<boolean> {
  const root = mappedRoot(labels);
  if (layer === undefined || root === undefined || root.uid === 0) return false;
  const { uid, gid } = await stat(layer);
  return uid === root.uid && gid === root.gid;
}

function hostOfRoot(text: string | undefined): number {
  if (text === undefined || text === '') return 0;
  for (const { container, host, size } of parseRanges(text)) {
    if (container === 0 && size > 0) return host;
  }
  throw new SnapshotRequestError(`the id mapping ${text.slice(0, 100)} has no place for root`);
}

function parseRanges(text: string): Range[] {
  const parts = text.split(',');
  if (parts.length > ID_RANGES_MAX) throw new SnapshotRequestError('the id mapping is too long');
  return parts.map(parseRange);
}

function parseRange(text: string): Range {
  const [, container, host, size] = /^(\d{1,10}):(\d{1,10}):(\d{1,10})$/.exec(text) ?? [];
  const range = { container: Number(container), host: Number(host), size: Number(size) };
  // Number(undefined) is NaN, which is below nothing.
  if (Object.values(range).every((value) => value < INVALID_ID)) return range;
  throw new SnapshotRequestError(`the id mapping ${text.slice(0, 100)} is not container:host:size`);
}
