/**
 * AES-128-XTS of encrypted blobs (rafs-v6, 5.7): one XTS data unit per stored unit, the blob's IV
 * as tweak. Inputs shorter than a cipher block were padded to 18 bytes with a mark at the end. The
 * format package has the same for its own tables: codec threads load neither it nor its schemas.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { CipherKey } from './codec-jobs.ts';

const BLOCK = 16;
const PADDED = 18;
const PAD_MARK = Buffer.from([0x78, 0x90]);

export function decryptUnit(stored: Uint8Array, cipherKey: CipherKey): Uint8Array {
  const decipher = createDecipheriv(cipherKey.cipher, cipherKey.key, cipherKey.iv);
  const plain = Buffer.concat([decipher.update(stored), decipher.final()]);
  if (plain.length !== PADDED || !plain.subarray(BLOCK).equals(PAD_MARK)) return plain;
  const pad = plain[BLOCK - 1] ?? 0;
  return pad >= 1 && pad <= BLOCK ? plain.subarray(0, BLOCK - pad) : plain;
}

/** For tests and future writers; the format's own padding included. */
export function encryptUnit(plain: Uint8Array, cipherKey: CipherKey): Uint8Array {
  const cipher = createCipheriv(cipherKey.cipher, cipherKey.key, cipherKey.iv);
  return Buffer.concat([cipher.update(padded(plain)), cipher.final()]);
}

function padded(plain: Uint8Array): Uint8Array {
  if (plain.length >= BLOCK) return plain;
  const out = Buffer.alloc(PADDED, BLOCK - plain.length);
  out.set(plain, 0);
  out.set(PAD_MARK, BLOCK);
  return out;
}
