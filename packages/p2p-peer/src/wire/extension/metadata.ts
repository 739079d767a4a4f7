/**
 * `ut_metadata` (BEP 9), the side that answers: the info dictionary of a torrent in pieces of 16 KiB,
 * for clients that know no more than an infohash.
 *
 * A message is a dictionary, and behind it the piece where it is one:
 * `{ msg_type: 0, piece }` asks, `{ msg_type: 1, piece, total_size }` gives, `{ msg_type: 2, piece }`
 * refuses.
 */
import { BencodeError } from '../../errors.ts';
import { decodeBencode, encodeBencode } from '../../torrent/bencode.ts';
import { malformed } from './message-type.ts';

export const METADATA_EXTENSION = 'ut_metadata';
export const METADATA_PIECE_BYTES = 16 << 10;
const MetadataMessage = { ask: 0, give: 1, refuse: 2 } as const;

/** The piece that a message asks for; undefined when it asks for none. Throws `ERR_P2P_WIRE_PROTOCOL`. */
export function decodeMetadataQuestion(message: Buffer): number | undefined {
  try {
    const node = decodeBencode(message);
    if (node.kind !== 'dictionary') throw malformed('ut_metadata', 'it is no dictionary');
    const type = node.value.get('msg_type');
    const piece = node.value.get('piece');
    if (type?.kind !== 'integer' || type.value !== MetadataMessage.ask) return undefined;
    if (piece?.kind === 'integer') return piece.value;
  } catch (error) {
    if (!(error instanceof BencodeError)) throw error;
    throw malformed('ut_metadata', error.message);
  }
  throw malformed('ut_metadata', 'it names no piece');
}

/** The answer: that there is none, or none for who asks. */
export function refuseMetadata(piece: number): Buffer {
  return encodeBencode(
    new Map([
      ['msg_type', MetadataMessage.refuse],
      ['piece', piece],
    ]),
  );
}

/** The answer: the piece, or that there is none. */
export function encodeMetadataAnswer(infoBytes: Buffer, piece: number): Buffer {
  const offset = piece * METADATA_PIECE_BYTES;
  if (piece < 0 || offset >= infoBytes.length) return refuseMetadata(piece);
  const head = encodeBencode(
    new Map([
      ['msg_type', MetadataMessage.give],
      ['piece', piece],
      ['total_size', infoBytes.length],
    ]),
  );
  return Buffer.concat([head, infoBytes.subarray(offset, offset + METADATA_PIECE_BYTES)]);
}
