/** The body of a request or an answer, all of it in memory, and no more than is allowed. */
import type { IncomingMessage } from 'node:http';

export async function readBounded(
  message: IncomingMessage,
  bytesMax: number,
  tooMuch: () => Error,
): Promise<Buffer> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of message) {
    // Text is what somebody gets who has set an encoding; nobody does.
    if (!Buffer.isBuffer(part)) continue;
    length += part.length;
    // Leaving the loop ends the connection.
    if (length > bytesMax) throw tooMuch();
    parts.push(part);
  }
  return Buffer.concat(parts);
}
