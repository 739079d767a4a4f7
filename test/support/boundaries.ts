/** A daemon that dies at the boundary of a request that a test names. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { type TestScope, temporaryDirectory } from '@shoal/test-kit';
import { WAIT_MS_MAX } from './mounted-image.ts';
import {
  type OwnSnapshotter,
  type OwnSnapshotterOptions,
  startSnapshotter,
} from './own-snapshotter.ts';
import { root } from './source-files.ts';

/** Of a request that changes records; others have no write. */
export const BOUNDARIES = ['before-write', 'after-write', 'before-reply', 'after-reply'] as const;
export type Boundary = (typeof BOUNDARIES)[number];

export type MortalSnapshotter = OwnSnapshotter & {
  /** The next request of this method, `Prepare`, is the last one of this daemon. */
  cut(method: string, boundary: Boundary): void;
  /** Resolves when it has died of it; false: the request did not come. */
  hasDied(timeoutMs?: number): Promise<boolean>;
};

export async function startMortalSnapshotter(
  t: TestScope,
  options: OwnSnapshotterOptions = {},
): Promise<MortalSnapshotter> {
  const file = join(temporaryDirectory(t), 'boundary');
  const preload = pathToFileURL(join(root, 'test/support/kill-at-boundary.ts'));
  const nodeOptions = `${process.env['NODE_OPTIONS'] ?? ''} --import=${preload}`;
  const env = { ...options.env, NODE_OPTIONS: nodeOptions, SHOAL_TEST_BOUNDARY: file };
  const snapshotter = await startSnapshotter(t, { ...options, env });
  return Object.assign(snapshotter, {
    cut: (method: string, boundary: Boundary) => writeFileSync(file, `${method} ${boundary}`),
    hasDied: async (timeoutMs: number = WAIT_MS_MAX) => {
      const giveUpAt = Date.now() + timeoutMs;
      while (Date.now() < giveUpAt) {
        if (!existsSync(file) && snapshotter.pid === undefined) return true;
        await sleep(10);
      }
      return false;
    },
  });
}
