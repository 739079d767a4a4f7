/** The token of the API: in a file, read again for each request, compared in constant time. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { open } from 'node:fs/promises';
import { API_TOKEN_BYTES_MAX } from '../limits.ts';
import { ApiRequestError } from './errors.ts';

const TOKEN = /^[\x21-\x7e]{16,512}$/;

/** Throws `ERR_NODE_API_REQUEST`: 401 without the right token, 503 when there is none to compare with. */
export async function checkToken(file: string, authorization: string | undefined): Promise<void> {
  // A stranger does not hear where it would be.
  const expected = await readToken(file).catch(() => {
    throw new ApiRequestError(503, 'this host has no token to compare with', {
      remedy: 'see the file that token_file of its configuration names',
    });
  });
  const shown = /^Bearer ([\x21-\x7e]{1,512})$/i.exec(authorization ?? '')?.[1];
  if (shown !== undefined && timingSafeEqual(hashOf(shown), hashOf(expected))) return;
  throw new ApiRequestError(401, 'the token is missing or wrong', {
    remedy: 'send Authorization: Bearer and the token',
  });
}

/** Throws `ERR_NODE_API_REQUEST` for a file that holds no token. */
export async function readToken(file: string): Promise<string> {
  const buffer = Buffer.alloc(API_TOKEN_BYTES_MAX);
  const text = await open(file, 'r').then(
    async (handle) => {
      await using opened = handle;
      const { bytesRead } = await opened.read(buffer, 0, buffer.length, 0);
      return buffer.subarray(0, bytesRead).toString('latin1').trim();
    },
    () => '',
  );
  if (TOKEN.test(text)) return text;
  throw new ApiRequestError(503, `${file} holds no token`, {
    remedy: 'write 16 to 512 characters without spaces into it, as openssl rand -hex 32 does',
  });
}

/** Of one length, whatever was sent. */
function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
