/** Who keeps a mount busy. */
import type { MountUser } from './errors.ts';

export function whoUses(_mountpoint: string): MountUser[] {
  return [];
}
