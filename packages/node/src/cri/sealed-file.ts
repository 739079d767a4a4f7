/**
 * A file with secrets, encrypted with a key that lies in memory only: in a file on a tmpfs, which a
 * reboot empties. AES-256-GCM; a new nonce for every write.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { statfsSync, statSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorCode } from '@shoal/errors';
import { readRegularFile } from '@shoal/linux/regular-file';
import { SEALED_BYTES_MAX } from '../limits.ts';

/** Names format and algorithm; authenticated with the rest. */
const MAGIC = Buffer.from('SHOALSEC1\n', 'latin1');
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Spec: statfs(2), `f_type`. */
const MEMORY_FILE_SYSTEMS: readonly number[] = [0x0102_1994, 0x8584_58f6];

/** Whether what is written there is gone after a reboot: tmpfs or ramfs. */
export function isInMemory(directory: string): boolean {
  return MEMORY_FILE_SYSTEMS.includes(statfsSync(directory).type);
}

export function seal(text: Uint8Array, key: Uint8Array): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(MAGIC);
  const body = Buffer.concat([cipher.update(text), cipher.final()]);
  return Buffer.concat([MAGIC, nonce, cipher.getAuthTag(), body]);
}

/** Undefined for another key, another format, or bytes that were changed. */
export function unseal(sealed: Uint8Array, key: Uint8Array): Buffer | undefined {
  const bytes = Buffer.from(sealed);
  const bodyStart = MAGIC.byteLength + NONCE_BYTES + TAG_BYTES;
  if (bytes.byteLength < bodyStart || !bytes.subarray(0, MAGIC.byteLength).equals(MAGIC)) {
    return undefined;
  }
  const nonce = bytes.subarray(MAGIC.byteLength, MAGIC.byteLength + NONCE_BYTES);
  const decipher = createDecipheriv('aes-256-gcm', key, nonce);
  decipher.setAAD(MAGIC);
  decipher.setAuthTag(bytes.subarray(bodyStart - TAG_BYTES, bodyStart));
  try {
    return Buffer.concat([decipher.update(bytes.subarray(bodyStart)), decipher.final()]);
  } catch {
    return undefined;
  }
}

/** The key of this boot, made when there is none. Throws when it can be neither read nor written. */
export async function loadKey(file: string): Promise<Buffer> {
  const known = await readSecretFile(file, KEY_BYTES);
  if (known?.byteLength === KEY_BYTES && (statSync(file).mode & 0o077) === 0) return known;
  const key = randomBytes(KEY_BYTES);
  await writePrivately(file, key);
  return key;
}

/** Undefined when it is not there or longer than any sound one. */
export async function readSecretFile(
  file: string,
  bytesMax = SEALED_BYTES_MAX,
): Promise<Buffer | undefined> {
  try {
    const read = await readRegularFile(file, bytesMax);
    return read.kind === 'whole' ? read.bytes : undefined;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Whole or not at all, mode 0600. */
export async function writePrivately(file: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${file}.new`;
  await rm(temporary, { force: true });
  const handle = await open(temporary, 'wx', 0o600);
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, file);
  const parent = await open(dirname(file), 'r');
  await parent.sync().finally(() => parent.close());
}
