/**
 * Whose run directory it is: what lies there (the FUSE session, the socket for containerd) belongs to
 * the mounts of one root, and the lock of a state says nothing of it. The root's path stands in a
 * file, written by who has the state of that root.
 */
import { readFileSync, realpathSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '@shoal/errors';
import { fileLockHolder, listHolders, type ServiceManager } from '@shoal/linux';
import type { DaemonPaths } from '../config/paths.ts';
import { RunTakenError } from '../errors.ts';

const FILE = 'root';

type Stored = Pick<ServiceManager, 'hasStoredFds'>;

/**
 * Once the state is ours.
 *
 * @throws RunTakenError while a daemon of another root runs here, or its next one is waited for
 */
export function claimRun({ root, run }: DaemonPaths, manager: Stored | undefined): void {
  const own = realpathSync(root);
  const owner = ownerOf(run);
  if (owner === own) return;
  if (owner !== undefined && isInUse(run, owner, manager)) throw new RunTakenError(run, owner, own);
  const file = join(run, FILE);
  writeFileSync(`${file}.new`, own, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

function ownerOf(run: string): string | undefined {
  try {
    return readFileSync(join(run, FILE), 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** LevelDB's lock file, the holders of session and socket, or what a service manager kept of them. */
function isInUse(run: string, owner: string, manager: Stored | undefined): boolean {
  if (fileLockHolder(join(owner, 'state', 'LOCK')) !== undefined) return true;
  if (manager?.hasStoredFds === true) return true;
  return ['blobfs', 'socket'].some((name) => listHolders(join(run, name)).length > 0);
}
