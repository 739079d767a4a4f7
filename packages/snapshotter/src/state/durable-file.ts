/** Small files that a power cut leaves whole or not at all, and that tell whether they are intact. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { orDiskFull } from './disk-full.ts';

/** Of SHA-256. */
const SEAL_BYTES = 32;

/** Complete on disk under its name, or not there: read-only, 0400. */
export async function writeDurably(
  directory: string,
  name: string,
  bytes: Uint8Array,
): Promise<string> {
  const temporary = join(directory, `.${name}.${process.pid}`);
  await rm(temporary, { force: true });
  try {
    const handle = await open(temporary, 'wx', 0o400);
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    await rm(temporary, { force: true });
    throw orDiskFull(error, directory);
  }
  await chmod(temporary, 0o400);
  const file = join(directory, name);
  await rename(temporary, file);
  const parent = await open(directory, 'r');
  await parent.sync().finally(() => parent.close());
  return file;
}

/** A file that tells by itself whether it is intact: its digest, then its bytes. */
export function seal(bytes: Uint8Array): Buffer {
  return Buffer.concat([createHash('sha256').update(bytes).digest(), bytes]);
}

/** What was sealed; undefined when it is absent or damaged. */
export async function readSealed(file: string): Promise<Buffer | undefined> {
  if (!existsSync(file)) return undefined;
  const sealed = await readFile(file);
  const bytes = sealed.subarray(SEAL_BYTES);
  return seal(bytes).equals(sealed) ? bytes : undefined;
}
