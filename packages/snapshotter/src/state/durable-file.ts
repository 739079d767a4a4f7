/** Small files that a power cut leaves whole or not at all, and that tell whether they are intact. */
import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, rmSync } from 'node:fs';
import { chmod, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '@shoal/errors';
import { orDiskFull } from './disk-full.ts';

/** Of SHA-256. */
const SEAL_BYTES = 32;

/** Complete on disk under its name, or not there: read-only, 0400. The last of two at once stays. */
export async function writeDurably(
  directory: string,
  name: string,
  bytes: Uint8Array,
): Promise<string> {
  // Nobody else's: a second writer of the same name would be given half of this one's file.
  const temporary = join(directory, `.${name}.${randomBytes(8).toString('hex')}`);
  const file = join(directory, name);
  try {
    const handle = await open(temporary, 'wx', 0o400);
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await chmod(temporary, 0o400);
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw orDiskFull(error, directory);
  }
  await syncDirectory(directory);
  return file;
}

/** What `writeDurably` writes to before it renames. */
const UNFINISHED = /^\..+\.[0-9a-f]{16}$/;

/** Removes what writers that were killed have left; while nobody else writes there. */
export function removeUnfinished(directory: string): void {
  for (const name of readdirSync(directory)) {
    if (UNFINISHED.test(name)) rmSync(join(directory, name), { force: true });
  }
}

/** What was made, renamed or removed in it survives a power cut. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  await handle.sync().finally(() => handle.close());
}

/** A file that tells by itself whether it is intact: its digest, then its bytes. */
export function seal(bytes: Uint8Array): Buffer {
  return Buffer.concat([createHash('sha256').update(bytes).digest(), bytes]);
}

/** What was sealed; undefined when it is absent or damaged. */
export async function readSealed(file: string): Promise<Buffer | undefined> {
  const sealed = await readIfThere(file);
  if (sealed === undefined) return undefined;
  const bytes = sealed.subarray(SEAL_BYTES);
  return seal(bytes).equals(sealed) ? bytes : undefined;
}

/** Undefined only when it is not there: what cannot be read now may be in order. */
export async function readIfThere(file: string): Promise<Buffer | undefined> {
  try {
    return await readFile(file);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
