/**
 * The messages of the protocol by their first byte, and how long each may be (BEP 3, 6, 10). A
 * length is refused before a byte of the message is kept.
 */
import { WireLimitError, WireProtocolError } from '../errors.ts';
import { EXTENSION_MESSAGE_BYTES_MAX } from '../limits.ts';

export const MessageId = {
  choke: 0,
  unchoke: 1,
  interested: 2,
  notInterested: 3,
  have: 4,
  bitfield: 5,
  request: 6,
  piece: 7,
  cancel: 8,
  port: 9,
  suggest: 13,
  haveAll: 14,
  haveNone: 15,
  reject: 16,
  allowedFast: 17,
  extended: 20,
} as const;

/** Bytes before the block of a `piece` message: id, piece, offset. */
export const PIECE_HEAD_BYTES = 9;
/** Bytes before the body of an `extended` message: id, number of the extension. */
const EXTENDED_HEAD_BYTES = 2;

/** Messages of one length, in bytes after the length field. */
const FIXED: ReadonlyMap<number, number> = new Map([
  [MessageId.choke, 1],
  [MessageId.unchoke, 1],
  [MessageId.interested, 1],
  [MessageId.notInterested, 1],
  [MessageId.have, 5],
  [MessageId.request, 13],
  [MessageId.cancel, 13],
  [MessageId.port, 3],
  [MessageId.suggest, 5],
  [MessageId.haveAll, 1],
  [MessageId.haveNone, 1],
  [MessageId.reject, 13],
  [MessageId.allowedFast, 5],
]);

const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(MessageId).map(([name, id]) => [id, name]),
);

export type MessageLimits = {
  /** Longest block that may come. */
  readonly blockBytesMax: number;
  /** Pieces of the blob; undefined until it is known which. */
  readonly pieceCount: number | undefined;
};

export function messageName(id: number): string {
  return NAMES.get(id) ?? `unknown ${id}`;
}

export function bitfieldBytes(pieceCount: number): number {
  return Math.ceil(pieceCount / 8);
}

/** Of any message; known before its first byte. Throws `ERR_P2P_WIRE_LIMIT`. */
export function checkMessageLength(length: number, limits: MessageLimits): void {
  const lengthMax = Math.max(
    PIECE_HEAD_BYTES + limits.blockBytesMax,
    EXTENDED_HEAD_BYTES + EXTENSION_MESSAGE_BYTES_MAX,
    1 + bitfieldBytes(limits.pieceCount ?? 0),
  );
  if (length > lengthMax) throw new WireLimitError('the length of a message', length, lengthMax);
}

/** Throws `ERR_P2P_WIRE_PROTOCOL`, `ERR_P2P_WIRE_LIMIT`. */
export function checkMessage(id: number, length: number, limits: MessageLimits): void {
  const fixed = FIXED.get(id);
  if (fixed !== undefined) {
    if (length !== fixed) throw wrongLength(id, length);
  } else if (id === MessageId.bitfield) {
    const { pieceCount } = limits;
    if (pieceCount !== undefined && length !== 1 + bitfieldBytes(pieceCount)) {
      throw wrongLength(id, length);
    }
  } else if (id === MessageId.piece) {
    if (length <= PIECE_HEAD_BYTES) throw wrongLength(id, length);
    const lengthMax = PIECE_HEAD_BYTES + limits.blockBytesMax;
    if (length > lengthMax) throw new WireLimitError('the length of a piece', length, lengthMax);
  } else {
    if (id === MessageId.extended && length < EXTENDED_HEAD_BYTES) throw wrongLength(id, length);
    const lengthMax = EXTENDED_HEAD_BYTES + EXTENSION_MESSAGE_BYTES_MAX;
    if (length > lengthMax) {
      throw new WireLimitError(`the length of ${messageName(id)}`, length, lengthMax);
    }
  }
}

function wrongLength(id: number, length: number): WireProtocolError {
  return new WireProtocolError(`a message ${messageName(id)} has ${length} bytes`);
}
