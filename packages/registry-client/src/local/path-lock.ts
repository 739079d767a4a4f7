/**
 * One process at a time: a symbolic link whose text names its owner, made in one step. For steps of
 * milliseconds; a link that a killed process left is taken away.
 */
import { readlink, symlink, unlink } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode } from '@shoal/errors';
import { PATH_LOCK_HELD_MS_MAX } from '../limits.ts';
import { isOwnerGone, stagingName } from './staging-directory.ts';

const CHECK_MS = 10;

/** Runs `work` while nobody else has the lock. Without it where links cannot be made. */
export async function withPathLock(path: string, work: () => Promise<void>): Promise<void> {
  const owner = await stagingName('');
  const isOurs = await take(path, owner);
  try {
    await work();
  } finally {
    if (isOurs && (await ownerOf(path)) === owner) await remove(path);
  }
}

async function take(path: string, owner: string): Promise<boolean> {
  let other: string | undefined;
  let giveUpAt = 0;
  for (;;) {
    try {
      await symlink(owner, path);
      return true;
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') return false;
    }
    const now = await ownerOf(path);
    if (now === undefined) continue;
    if (now !== other) {
      other = now;
      giveUpAt = performance.now() + PATH_LOCK_HELD_MS_MAX;
    }
    // One of another host or container cannot be looked at, only be waited for.
    const isLeft = (await isOwnerGone(now)) || performance.now() > giveUpAt;
    if (!isLeft) await sleep(CHECK_MS);
    else if ((await ownerOf(path)) === now && !(await remove(path))) return false;
  }
}

/** True when it has gone. */
async function remove(path: string): Promise<boolean> {
  try {
    await unlink(path);
    return true;
  } catch (error) {
    return errorCode(error) === 'ENOENT';
  }
}

/** Undefined when the lock has gone; something else in its place has no name. */
async function ownerOf(path: string): Promise<string | undefined> {
  try {
    return await readlink(path);
  } catch (error) {
    return errorCode(error) === 'ENOENT' ? undefined : '';
  }
}
