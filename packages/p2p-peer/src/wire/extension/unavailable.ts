/**
 * `unavailable`: the request that is rejected next cannot be answered at all, now or later: its sender
 * neither holds the bytes nor gets them. A reject without it means that the sender is busy.
 *
 * | at | bytes | field |
 * | --- | --- | --- |
 * | 0 | 1 | type, 4 |
 * | 1 | 4 | piece |
 * | 5 | 4 | offset in the piece |
 * | 9 | 4 | length |
 */
import type { WireBlock } from '../wire-block.ts';
import { malformed, ShoalMessage } from './message-type.ts';

const AT = { type: 0, index: 1, offset: 5, length: 9 } as const;
const UNAVAILABLE_BYTES = 13;

export function encodeUnavailable({ index, offset, length }: WireBlock): Buffer {
  const message = Buffer.alloc(UNAVAILABLE_BYTES);
  message.writeUInt8(ShoalMessage.unavailable, AT.type);
  message.writeUInt32BE(index, AT.index);
  message.writeUInt32BE(offset, AT.offset);
  message.writeUInt32BE(length, AT.length);
  return message;
}

/** A message of this type. Throws `ERR_P2P_WIRE_PROTOCOL`. */
export function decodeUnavailable(message: Buffer): WireBlock {
  if (message.length !== UNAVAILABLE_BYTES) throw malformed('unavailable', 'its length is another');
  return {
    index: message.readUInt32BE(AT.index),
    offset: message.readUInt32BE(AT.offset),
    length: message.readUInt32BE(AT.length),
  };
}
