/** Tells the metrics of a daemon where to ask at each scrape. */
import type { DriverStats, LazyImages, MountDriver, MountService } from '@shoal/snapshotter';
import type { Caches } from '../caches.ts';
import type { HostPeer } from '../peers/open-host-peer.ts';
import type { Metrics } from './metrics.ts';

export type WatchedDaemon = {
  readonly service: MountService;
  readonly drivers: ReadonlyMap<string, MountDriver>;
  readonly caches: Caches;
  readonly lazy: LazyImages;
  readonly peer: HostPeer | undefined;
};

export function watchDaemon(metrics: Metrics, daemon: WatchedDaemon): void {
  const { service, drivers, caches, lazy, peer } = daemon;
  metrics.watch({
    peer: () => peer?.status(),
    mounts: () => service.countByDriver(),
    drivers: () => statsOf(drivers),
    cacheBytes: () => caches.bytes,
    cacheLimitBytes: () => caches.limitBytes,
    images: () => {
      const status = lazy.status();
      return { lazy: status.lazy.length, ordinary: status.ordinary.length };
    },
  });
}

function statsOf(drivers: ReadonlyMap<string, MountDriver>): ReadonlyMap<string, DriverStats> {
  const stats = new Map<string, DriverStats>();
  for (const [name, driver] of drivers) {
    const own = driver.stats();
    if (own !== undefined) stats.set(name, own);
  }
  return stats;
}
