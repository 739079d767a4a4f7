/**
 * `shoal_urgency`, an extension of its own (BEP 10), so that hosts that do not know it are not told: how
 * urgent the requests are that follow on this wire. Before the first one they are what a program waits for.
 *
 * | at | bytes | field |
 * | --- | --- | --- |
 * | 0 | 1 | class: 0 demand, 1 preheat, 2 prefetch, 3 background; what is higher counts as background |
 */
import { PRIORITIES, type Priority } from '@shoal/blob-store';
import { malformed } from './message-type.ts';

/** Its name in the handshake of extensions. */
export const URGENCY_EXTENSION = 'shoal_urgency';
/** Of one who has told nothing. */
export const FIRST_URGENCY: Priority = 'demand';

const AT = { class: 0 } as const;
const URGENCY_BYTES = 1;

export function encodeUrgency(priority: Priority): Buffer {
  const message = Buffer.alloc(URGENCY_BYTES);
  message.writeUInt8(PRIORITIES.indexOf(priority), AT.class);
  return message;
}

/** Throws `ERR_P2P_WIRE_PROTOCOL`. */
export function decodeUrgency(message: Buffer): Priority {
  if (message.length !== URGENCY_BYTES) throw malformed('of urgency', 'its length is another');
  return PRIORITIES[message.readUInt8(AT.class)] ?? 'background';
}
