/**
 * `ask_hashes`: which SHA-256 the pieces of `PIECE_BYTES` have, for blobs without digests of their own.
 *
 * | at | bytes | field |
 * | --- | --- | --- |
 * | 0 | 1 | type, 2 |
 * | 1 | 4 | first piece |
 * | 5 | 2 | how many, 1 to `HASHES_MAX` |
 */
import { HASHES_MAX } from '../limits.ts';
import { malformed, ShoalMessage } from './message-type.ts';

const AT = { type: 0, firstPiece: 1, count: 5 } as const;
const ASK_HASHES_BYTES = 7;

export type HashQuestion = { readonly firstPiece: number; readonly count: number };

export function encodeAskHashes({ firstPiece, count }: HashQuestion): Buffer {
  const message = Buffer.alloc(ASK_HASHES_BYTES);
  message.writeUInt8(ShoalMessage.askHashes, AT.type);
  message.writeUInt32BE(firstPiece, AT.firstPiece);
  message.writeUInt16BE(count, AT.count);
  return message;
}

/** A message of this type. Throws `ERR_P2P_WIRE_PROTOCOL`. */
export function decodeAskHashes(message: Buffer, pieceCount: number): HashQuestion {
  if (message.length !== ASK_HASHES_BYTES) throw malformed('ask_hashes', 'its length is another');
  const firstPiece = message.readUInt32BE(AT.firstPiece);
  const count = message.readUInt16BE(AT.count);
  if (count < 1 || count > HASHES_MAX || firstPiece + count > pieceCount) {
    throw malformed('ask_hashes', `there are no ${count} pieces from ${firstPiece}`);
  }
  return { firstPiece, count };
}
