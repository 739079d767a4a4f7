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
    const bytes: Buffer = Buffer.from(part);
    length += bytes.length;
    if (length > bytesMax) throw tooMuch();
    parts.push(bytes);
  }
  return Buffer.concat(parts);
}
