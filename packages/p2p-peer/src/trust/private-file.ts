/** Files with keys: 0600, complete under their name or not there, never overwritten unasked. */
import { randomBytes } from 'node:crypto';
import { link, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errorCode } from '@shoal/errors';
import { TrustFileExistsError } from './errors.ts';

/** Throws `ERR_P2P_TRUST_FILE_EXISTS`, and what the system says. */
export async function writePrivateFile(
  file: string,
  content: string,
  { replaces }: { readonly replaces: boolean },
): Promise<void> {
  const temporary = join(dirname(file), `.${randomBytes(8).toString('hex')}.tmp`);
  try {
    const handle = await open(temporary, 'wx', 0o600);
    try {
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    // A link fails where something is, a rename replaces it.
    if (replaces) await rename(temporary, file);
    else await link(temporary, file);
  } catch (error) {
    if (!replaces && errorCode(error) === 'EEXIST') throw new TrustFileExistsError(file);
    throw error;
  } finally {
    await rm(temporary, { force: true });
  }
}
