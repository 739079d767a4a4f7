/** Starting and finding holders. */
import { HolderError } from './errors.ts';
import type { HolderRecord } from './holder-types.ts';

/** Starts a detached process that keeps these descriptors open. */
export function startHolder(_fds: Readonly<Record<string, number>>): Promise<HolderRecord> {
  return Promise.reject(new HolderError('not built yet'));
}
/** Takes copies of the holder's descriptors (`pidfd_getfd`); the holder keeps its own. */
export function adoptFromHolder(_record: HolderRecord): Record<string, number> {
  throw new HolderError('not built yet');
}
export function isHolderAlive(_record: HolderRecord): boolean {
  return false;
}
export function stopHolder(_record: HolderRecord): Promise<void> {
  return Promise.resolve();
}
