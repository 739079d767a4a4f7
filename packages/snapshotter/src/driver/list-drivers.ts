/** What `--driver` can name on this host, found by trying. */
import { probeHost } from '@shoal/linux';
import type { DriverFacts } from './mount-driver.ts';

/** Probes each driver depends on. */
const NEEDS: Readonly<Record<string, readonly string[]>> = {
  blobfs: ['root', 'fuse-session', 'erofs-file', 'take-over'],
  complete: ['root', 'erofs-file'],
};

const PURPOSE: Readonly<Record<string, string>> = {
  blobfs: 'images load on demand, and mounts survive a restart of the daemon',
  complete: 'images whose blobs are all local need no daemon',
};

/** Tries things in a directory of its own below `directory` and removes it again. */
export async function listDrivers(directory: string): Promise<DriverFacts[]> {
  const probes = await probeHost(directory);
  return Object.entries(NEEDS).map(([name, needs]) => {
    const own = probes.filter((probe) => needs.includes(probe.name));
    const missing = own.filter((probe) => !probe.ok);
    // What has no remedy of its own was not tried, for a reason another one gives.
    const reasons = missing.filter(({ remedy }) => remedy !== undefined);
    const usable = missing.length === 0;
    return {
      name,
      usable,
      reason: usable
        ? (PURPOSE[name] ?? '')
        : [...new Set(reasons.map(({ detail }) => detail))].join('; '),
      probes: own,
    };
  });
}
