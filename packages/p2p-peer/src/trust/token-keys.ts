/** Keys of tokens from PEM files: `token.key` signs, `token.pub` checks; several of these in one file, or files. */
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { errorCode } from '@shoal/errors';
import { quoted } from '@shoal/oci';
import { TokenKeyError } from './errors.ts';
import { PEM_FILE_BYTES_MAX, TOKEN_KEYS_MAX } from './limits.ts';

const PUBLIC_KEY = /-----BEGIN PUBLIC KEY-----[A-Za-z0-9+/=\s]*-----END PUBLIC KEY-----/g;

/** Throws `ERR_P2P_TOKEN_KEY`. */
function parseTokenKey(pem: string): KeyObject {
  return ed25519(() => createPrivateKey(pem), 'a private Ed25519 key in PEM is wanted');
}

/** Throws `ERR_P2P_TOKEN_KEY`. */
function parseTokenPublicKeys(pem: string): readonly KeyObject[] {
  const texts = pem.slice(0, PEM_FILE_BYTES_MAX).match(PUBLIC_KEY) ?? [];
  const detail = `1 to ${TOKEN_KEYS_MAX} public Ed25519 keys in PEM are wanted`;
  if (texts.length === 0 || texts.length > TOKEN_KEYS_MAX) throw new TokenKeyError(detail);
  return texts.map((text) => ed25519(() => createPublicKey(text), detail));
}

/** Throws `ERR_P2P_TOKEN_KEY`. */
export async function loadTokenKey(file: string): Promise<KeyObject> {
  return parseTokenKey(await readKeyFile(file));
}

/** Throws `ERR_P2P_TOKEN_KEY`. */
export async function loadTokenPublicKeys(files: readonly string[]): Promise<readonly KeyObject[]> {
  const texts = await Promise.all(files.map(readKeyFile));
  return parseTokenPublicKeys(texts.join('\n'));
}

async function readKeyFile(file: string): Promise<string> {
  try {
    return await readFile(file, 'latin1');
  } catch (error) {
    const detail = `${quoted(file)} cannot be read (${errorCode(error) ?? 'unknown'})`;
    throw new TokenKeyError(detail, { cause: error });
  }
}

/** No cause: its message may quote what it could not read. */
function ed25519(read: () => KeyObject, detail: string): KeyObject {
  let key: KeyObject;
  try {
    key = read();
  } catch {
    throw new TokenKeyError(detail);
  }
  if (key.asymmetricKeyType !== 'ed25519') throw new TokenKeyError(detail);
  return key;
}
