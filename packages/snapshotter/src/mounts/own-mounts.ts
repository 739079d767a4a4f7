/**
 * What is mounted at the place of a record: its image, or something of somebody else, which is
 * neither mounted over nor taken away. Judged by type and source, not by the file system below, so
 * that nothing of a mount that hangs is read.
 */
import { basename } from 'node:path';
import { listMounts, type MountEntry } from '@shoal/linux';
import { digestHex } from '@shoal/oci';
import type { MountRecord } from '../state/mount-record.ts';

type Place = Pick<MountRecord, 'mountpoint' | 'bootstrapDigest' | 'writableDirectory'>;

/** How a path that is too long for the mount API is given to it, and shown ever after. */
const BY_DESCRIPTOR = '/proc/self/fd/';

export type MountsAt = {
  /** The image of the record, also when something lies over it. */
  readonly isOwnThere: boolean;
  /** What lies on top and is not ours, in words. */
  readonly stranger: string | undefined;
};

export function mountsAt(place: Place, table: readonly MountEntry[] = listMounts()): MountsAt {
  const entries = table.filter((entry) => entry.mountpoint === place.mountpoint);
  const top = entries.at(-1);
  const isForeign = top !== undefined && !isOwn(top, place);
  return {
    isOwnThere: entries.some((entry) => isOwn(entry, place)),
    stranger: isForeign ? `${top.fileSystem} (${top.source})` : undefined,
  };
}

function isOwn({ fileSystem, source, superOptions }: MountEntry, place: Place): boolean {
  if (place.writableDirectory === undefined) {
    const directory = `/images/${digestHex(place.bootstrapDigest)}/`;
    return fileSystem === 'erofs' && hasPart(source, directory);
  }
  const upper = `/writable/${basename(place.writableDirectory)}/upper`;
  const isOverOwn = (option: string) => option.startsWith('upperdir=') && hasPart(option, upper);
  return fileSystem === 'overlay' && source === 'shoal' && superOptions.some(isOverOwn);
}

function hasPart(text: string, part: string): boolean {
  return text.includes(part) || text.includes(BY_DESCRIPTOR);
}
