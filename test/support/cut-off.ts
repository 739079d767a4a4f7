/** Every other host is cut off from all others for a while, once all have mounted and read something. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { TogetherOptions } from './start-together.ts';

/** A mount that cannot reach the registry for so long may fail: that is not what is looked at. */
export function cutHalfOff(
  hosts: number,
  durationMs: number,
): Pick<TogetherOptions, 'afterFirst' | 'meanwhile'> {
  const mounted = Promise.withResolvers<void>();
  let left = hosts;
  return {
    afterFirst: async () => {
      left -= 1;
      if (left === 0) mounted.resolve();
      await mounted.promise;
    },
    meanwhile: async ({ peers }) => {
      await mounted.promise;
      const half = peers.filter((_, index) => index % 2 === 0);
      for (const { network } of half) await network.part();
      await sleep(durationMs);
      for (const { network } of half) await network.join();
    },
  };
}
