/** The token that allows to order preheats, in a file of its own: never on a command line. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { UsageError } from './errors.ts';

/** Throws `ERR_CLI_USAGE`. */
export async function readAdminToken(file: string): Promise<string> {
  const text = await readFile(resolve(file), 'utf8').catch((error: unknown) => {
    throw new UsageError(`--admin-token ${file} cannot be read`, { cause: error });
  });
  const token = text.trim();
  if (/^[\x21-\x7e]{16,512}$/.test(token)) return token;
  throw new UsageError(`--admin-token ${file} holds no token`, {
    remedy:
      'write 16 to 512 characters without spaces into it, for example by openssl rand -hex 32',
  });
}
