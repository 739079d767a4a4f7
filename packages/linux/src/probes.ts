/** What this host can do, found by trying it. */
import type { ProbeResult } from './holder-types.ts';

/** Tries everything in a directory of its own below `directory` and removes it again. */
export function probeHost(_directory: string): Promise<ProbeResult[]> {
  return Promise.resolve([]);
}
