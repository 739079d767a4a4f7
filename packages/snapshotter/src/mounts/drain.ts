/** Ending every mount of a daemon that is to leave: a few at a time, one that is busy harms no other. */
import { errorFields } from '../service-log.ts';
import type { MountRecord } from '../state/mount-record.ts';
import type { DrainAnswer } from './mount-types.ts';

export type DrainableMount = {
  readonly mountpoint: string;
  /** False: the kernel serves it alone, so that it may stay when it is busy. */
  readonly needsDaemon: boolean;
};

/** What could not be restored may need the daemon, as far as anybody knows. */
export function toDrain(
  plans: readonly { readonly record: MountRecord }[],
  broken: readonly { readonly record: MountRecord }[],
): readonly DrainableMount[] {
  return [
    ...plans.map(({ record: { mountpoint, driver } }) => ({
      mountpoint,
      needsDaemon: driver !== 'complete',
    })),
    ...broken.map(({ record: { mountpoint } }) => ({ mountpoint, needsDaemon: true })),
  ];
}

export async function drainMounts(
  mounts: readonly DrainableMount[],
  unmount: (mountpoint: string) => Promise<unknown>,
  parallelMax: number,
): Promise<Pick<DrainAnswer, 'unmounted' | 'left' | 'busy'>> {
  const unmounted: string[] = [];
  const left: string[] = [];
  const busy: { mountpoint: string; reason: string }[] = [];
  const queue = mounts.values();
  const drainQueue = async () => {
    for (const { mountpoint, needsDaemon } of queue) {
      try {
        await unmount(mountpoint);
        unmounted.push(mountpoint);
      } catch (error) {
        if (needsDaemon) busy.push({ mountpoint, reason: errorFields(error).reason });
        else left.push(mountpoint);
      }
    }
  };
  await Promise.all(Array.from({ length: parallelMax }, drainQueue));
  return { unmounted: unmounted.toSorted(), left: left.toSorted(), busy };
}
