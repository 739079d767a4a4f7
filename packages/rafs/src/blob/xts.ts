/**
 * AES-128-XTS of encrypted blobs (docs/format.md, "Encryption"): one data unit a chunk or section,
 * the blob's IV as tweak. Units shorter than a cipher block were padded and marked. Loads nothing else
 * of the package: codec threads take it by itself.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { RafsCorruptError } from '../errors.ts';

const CIPHER = 'aes-128-xts';
const BLOCK = 16;
const MARK = Buffer.from([0x78, 0x90]);
const PADDED_SIZE = BLOCK + MARK.length;

/** Two different halves of 16 bytes, and the tweak. */
export type UnitCipher = { readonly key: Uint8Array; readonly iv: Uint8Array };

/** Throws ERR_RAFS_CORRUPT for what cannot be a unit. The key is never part of a message. */
export function decryptUnit(unit: Uint8Array, cipher: UnitCipher): Buffer {
  if (unit.length < BLOCK) {
    throw new RafsCorruptError('encrypted unit', `${unit.length} bytes are less than one block`);
  }
  const decipher = openCipher(() => createDecipheriv(CIPHER, cipher.key, cipher.iv));
  const plain = Buffer.concat([decipher.update(unit), decipher.final()]);
  if (plain.length !== PADDED_SIZE || !plain.subarray(BLOCK).equals(MARK)) return plain;
  const padding = plain[BLOCK - 1] ?? 0;
  return padding >= 1 && padding <= BLOCK ? plain.subarray(0, BLOCK - padding) : plain;
}

/** What Nydus does when it writes; used to test reading. */
export function encryptUnit(plain: Uint8Array, cipher: UnitCipher): Buffer {
  const encipher = openCipher(() => createCipheriv(CIPHER, cipher.key, cipher.iv));
  return Buffer.concat([encipher.update(padded(plain)), encipher.final()]);
}

function padded(plain: Uint8Array): Uint8Array {
  if (plain.length >= BLOCK) return plain;
  const padding = BLOCK - plain.length;
  return Buffer.concat([plain, Buffer.alloc(padding, padding), MARK]);
}

/** OpenSSL refuses keys whose halves are equal; say so without its words. */
function openCipher<T>(open: () => T): T {
  try {
    return open();
  } catch {
    throw new RafsCorruptError('blob table entry', 'the key or IV of a blob is unusable');
  }
}
