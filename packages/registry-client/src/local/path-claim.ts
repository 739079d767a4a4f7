/**
 * One process at a time for as long as it takes: a symbolic link whose text names its owner, made in
 * one step. What a killed process left is taken over.
 */
import { readlink, symlink, unlink } from 'node:fs/promises';
import { errorCode } from '@shoal/errors';
import { fileError } from './regular-file.ts';
import { isOwnerGone, stagingName } from './staging-directory.ts';

export type PathClaim = { release(): Promise<void> };

/** Undefined when another process that lives has it. Throws `ERR_REGISTRY_CLIENT_FILE`. */
export async function claimPath(path: string): Promise<PathClaim | undefined> {
  const owner = await stagingName('');
  for (let round = 0; round < 2; round++) {
    try {
      await symlink(owner, path);
      return { release: () => release(path, owner) };
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw fileError(error, `${path} cannot be made`);
    }
    const other = await ownerOf(path);
    if (other !== undefined && !(await isOwnerGone(other))) return undefined;
    // Somebody else may have taken it over meanwhile.
    if (other !== undefined && (await ownerOf(path)) === other) await unlink(path);
  }
  return undefined;
}

async function release(path: string, owner: string): Promise<void> {
  if ((await ownerOf(path)) === owner) await unlink(path).catch(() => undefined);
}

/** Undefined when it has gone; something else in its place has an owner that never goes. */
async function ownerOf(path: string): Promise<string | undefined> {
  try {
    return await readlink(path);
  } catch (error) {
    return errorCode(error) === 'ENOENT' ? undefined : '';
  }
}
