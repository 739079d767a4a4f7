/**
 * Who lies on a mounted image: overlays hold a clone of it that no mount list shows, so that it can
 * be unmounted at its place while containers go on reading through them.
 */
import { listMounts, type MountEntry, MountFailedError } from '@shoal/linux';

/** Where overlays over a directory are mounted, as far as this mount name space shows. */
export function overlaysOver(directory: string, table: readonly MountEntry[]): readonly string[] {
  return table
    .filter(({ fileSystem }) => fileSystem === 'overlay')
    .filter(({ superOptions }) => superOptions.some((option) => namesLower(option, directory)))
    .map(({ mountpoint }) => mountpoint);
}

/** @throws ERR_LINUX_MOUNT_FAILED (EBUSY) when containers use the image */
export function refuseOverlaid(directory: string): void {
  const overlays = overlaysOver(directory, listMounts());
  const [first] = overlays;
  if (first === undefined) return;
  const others = overlays.length === 1 ? '' : ` and ${overlays.length - 1} more`;
  throw new MountFailedError(
    `${directory} is busy: containers use it (${first}${others})`,
    'EBUSY',
    { remedy: 'stop these containers first, or use --lazy' },
  );
}

/** `lowerdir=a:b::c` or `lowerdir+=a`; colons in a name are escaped, which ours have none of. */
function namesLower(option: string, directory: string): boolean {
  const [, value] = /^lowerdir\+?=(.*)$/.exec(option) ?? [];
  return value?.split(':').includes(directory) === true;
}
