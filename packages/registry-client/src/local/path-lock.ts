/** One process at a time, and the others wait. For steps of milliseconds. */
import { lstat, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode } from '@shoal/errors';
import { PATH_LOCK_CHECK_MS, PATH_LOCK_HELD_MS_MAX } from '../limits.ts';
import { claimPath, type PathClaim } from './path-claim.ts';

/** Runs `work` while nobody else has the lock. Throws `ERR_REGISTRY_CLIENT_FILE`. */
export async function withPathLock(path: string, work: () => Promise<void>): Promise<void> {
  const claim = await waitFor(path);
  try {
    await work();
  } finally {
    await claim.release();
  }
}

async function waitFor(path: string): Promise<PathClaim> {
  let other: string | undefined;
  let giveUpAt = 0;
  for (;;) {
    const claim = await claimPath(path);
    if (claim !== undefined) return claim;
    const now = await whichFile(path);
    if (now === undefined) continue;
    if (now !== other) {
      other = now;
      giveUpAt = performance.now() + PATH_LOCK_HELD_MS_MAX;
    }
    if (performance.now() <= giveUpAt) await sleep(PATH_LOCK_CHECK_MS);
    // Its holder was stopped; or killed, where the file system has no locks.
    else await rm(path, { force: true });
  }
}

/** Every holder makes a file of its own. Undefined when there is none. */
async function whichFile(path: string): Promise<string | undefined> {
  try {
    const { ino, ctimeNs } = await lstat(path, { bigint: true });
    return `${ino} ${ctimeNs}`;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
