/** Mounting EROFS and overlayfs, and unmounting. */
import { MountFailedError } from './errors.ts';
import type { ErofsMountOptions, OverlayMountOptions } from './mount-types.ts';

/** Mounts a metadata image over its device files. Says whether `directio` is in force. */
export function mountErofs(_options: ErofsMountOptions): { readonly directIo: boolean } {
  throw new MountFailedError('not built yet', 'ENOSYS');
}
export function mountOverlay(_options: OverlayMountOptions): void {
  throw new MountFailedError('not built yet', 'ENOSYS');
}
/** Unmounts; a busy mount is a MountBusyError that names its users. */
export function unmount(_path: string, _options: { readonly lazy?: boolean } = {}): void {
  throw new MountFailedError('not built yet', 'ENOSYS');
}
