/** Ending every mount of a daemon that is to leave: a few at a time, one that is busy harms no other. */
import type { DrainAnswer } from './mount-types.ts';
import { errorFields } from './service-log.ts';

export type DrainableMount = {
  readonly mountpoint: string;
  /** False: the kernel serves it alone, so that it may stay when it is busy. */
  readonly needsDaemon: boolean;
};

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
