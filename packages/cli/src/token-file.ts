/** Tokens that are secret, each in a file of its own: never on a command line. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { errorCode } from '@shoal/errors';
import { UsageError } from './errors.ts';

/** The one that allows to order preheats. Throws `ERR_CLI_USAGE`. */
export function readAdminToken(file: string): Promise<string> {
  return readToken(file, '--admin-token');
}

/** The one that standard clients show to a tracker. Throws `ERR_CLI_USAGE`. */
export async function readPlainToken(file: string): Promise<string> {
  const token = await readToken(file, '--plain-token');
  if (/^[A-Za-z0-9._~-]+$/.test(token)) return token;
  throw new UsageError(`--plain-token ${file} holds no token for an address`, {
    remedy: 'write letters and digits into it, for example by openssl rand -hex 32',
  });
}

async function readToken(file: string, option: string): Promise<string> {
  const text = await readFile(resolve(file), 'utf8').catch((error: unknown) => {
    const why = errorCode(error) ?? 'unknown';
    throw new UsageError(`${option} ${file} cannot be read: ${why}`, {
      remedy: 'name the file that the tracker was started with',
      cause: error,
    });
  });
  const token = text.trim();
  if (/^[\x21-\x7e]{16,512}$/.test(token)) return token;
  throw new UsageError(`${option} ${file} holds no token`, {
    remedy:
      'write 16 to 512 characters without spaces into it, for example by openssl rand -hex 32',
  });
}
