/**
 * nydusd's `<id>.blob.meta` beside the device file, so that nydusd can use the directory. It is
 * written for nydusd only, never read back: ours comes with the image.
 */
import { rename, rm, stat, writeFile } from 'node:fs/promises';
import { errorCode } from '@shoal/errors';

/** Keeps a file of the right size; a cache without the file is as good, so no failure matters. */
export async function keepBlobMeta(path: string, content: Buffer | undefined): Promise<void> {
  if (content === undefined) return;
  const temporary = `${path}.new`;
  try {
    if ((await sizeOf(path)) === content.length) return;
    await writeFile(temporary, content, { mode: 0o600 });
    await rename(temporary, path);
  } catch {
    await rm(temporary, { force: true }).catch(() => {});
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return -1;
    throw error;
  }
}
