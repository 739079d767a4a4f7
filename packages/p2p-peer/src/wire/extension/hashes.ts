/**
 * `hashes`: the answer to `ask_hashes`, with those that its sender knows.
 *
 * | at | bytes | field |
 * | --- | --- | --- |
 * | 0 | 1 | type, 3 |
 * | 1 | 4 | first piece |
 * | 5 | 2 | how many were asked for |
 * | 7 | (count + 7) / 8 | a bit for each that is known, from the highest bit; the rest 0 |
 * | then | 32 each | SHA-256 of those that are known |
 */
import { EXTENSION_MESSAGE_BYTES_MAX, HASHES_MAX } from '../limits.ts';
import type { HashQuestion } from './ask-hashes.ts';
import { malformed, ShoalMessage } from './message-type.ts';

const AT = { type: 0, firstPiece: 1, count: 5, known: 7 } as const;
export const HASH_BYTES = 32;

export type HashAnswer = HashQuestion & { readonly hashes: readonly (Buffer | undefined)[] };

if (AT.known + HASHES_MAX / 8 + HASHES_MAX * HASH_BYTES > EXTENSION_MESSAGE_BYTES_MAX) {
  throw new RangeError('a message of hashes may be too long');
}

/** One hash for each piece that was asked for; throws where one has not 32 bytes. */
export function encodeHashes({ firstPiece, count, hashes }: HashAnswer): Buffer {
  const head = Buffer.alloc(AT.known + Math.ceil(count / 8));
  head.writeUInt8(ShoalMessage.hashes, AT.type);
  head.writeUInt32BE(firstPiece, AT.firstPiece);
  head.writeUInt16BE(count, AT.count);
  const known: Buffer[] = [];
  for (let index = 0; index < count; index++) {
    const hash = hashes[index];
    if (hash === undefined) continue;
    if (hash.length !== HASH_BYTES) throw new RangeError('a SHA-256 has 32 bytes');
    known.push(hash);
    const at = AT.known + (index >>> 3);
    head.writeUInt8(head.readUInt8(at) | (0x80 >>> (index & 7)), at);
  }
  return Buffer.concat([head, ...known]);
}

/** A message of this type; the hashes are copies. Throws `ERR_P2P_WIRE_PROTOCOL`. */
export function decodeHashes(message: Buffer): HashAnswer {
  if (message.length < AT.known) throw malformed('hashes', 'it is too short');
  const firstPiece = message.readUInt32BE(AT.firstPiece);
  const count = message.readUInt16BE(AT.count);
  if (count < 1 || count > HASHES_MAX) throw malformed('hashes', `there are ${count}`);
  let at = AT.known + Math.ceil(count / 8);
  if (message.length < at) throw malformed('hashes', 'it is too short');
  const hashes: (Buffer | undefined)[] = [];
  for (let index = 0; index < count; index++) {
    const bits = message.readUInt8(AT.known + (index >>> 3));
    const isKnown = (bits & (0x80 >>> (index & 7))) !== 0;
    if (isKnown && at + HASH_BYTES > message.length) throw malformed('hashes', 'it is too short');
    hashes.push(isKnown ? Buffer.from(message.subarray(at, at + HASH_BYTES)) : undefined);
    if (isKnown) at += HASH_BYTES;
  }
  if (at !== message.length) throw malformed('hashes', 'bytes follow the last one');
  if (
    count % 8 !== 0 &&
    (message.readUInt8(AT.known + (count >>> 3)) & (0xff >>> (count % 8))) !== 0
  ) {
    throw malformed('hashes', 'there are more bits than pieces');
  }
  return { firstPiece, count, hashes };
}
