/** The body of a request or an answer, all of it in memory, and no more than is allowed. */
export async function readBounded(
  body: AsyncIterable<unknown>,
  bytesMax: number,
  tooMuch: () => Error,
): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of body) {
    // Text is what somebody gets who has set an encoding; nobody does.
    if (!(part instanceof Uint8Array)) continue;
    length += part.byteLength;
    // Leaving the loop ends the connection.
    if (length > bytesMax) throw tooMuch();
    parts.push(part);
  }
  return Buffer.concat(parts, length);
}
