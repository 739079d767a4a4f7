/**
 * The body of an answer, piece by piece, for as long as it comes at a pace. A server that sends a
 * byte now and then passes every timeout between two pieces; it is given up by its rate.
 */
import { SlowServerError } from '../errors.ts';
import { DISCARD_BYTES_MAX, TRANSFER_RATE_MIN } from '../limits.ts';
import type { HttpAnswer } from './messages.ts';

/**
 * Only the time spent waiting for the server counts: whoever reads slowly does no harm. Throws
 * `ERR_REGISTRY_CLIENT_SLOW`, which may be tried again, and what the connection reports.
 */
export async function* bodyPieces(answer: HttpAnswer): AsyncGenerator<Buffer, void, void> {
  const { rateWindowMs } = answer;
  const pieces: AsyncIterator<unknown> = answer.body[Symbol.asyncIterator]();
  let waitedMs = 0;
  let bytes = 0;
  try {
    for (;;) {
      const asked = performance.now();
      const { done, value } = await pieces.next();
      waitedMs += performance.now() - asked;
      if (done === true) return;
      if (!Buffer.isBuffer(value)) continue;
      bytes += value.byteLength;
      yield value;
      if (waitedMs < rateWindowMs) continue;
      if (isTooSlow(bytes, waitedMs)) throw tooSlow(answer, bytes, waitedMs);
      waitedMs = 0;
      bytes = 0;
    }
  } finally {
    cutBody(answer);
  }
}

/** A buffer that is being filled from its start. */
export type Filling = {
  readonly bytes: Buffer;
  filled: number;
  /** These are there now. */
  readonly onFilled?: ((start: number, end: number) => void) | undefined;
};

/**
 * Copies the body to `filling`, but for its first `skip` bytes, until that is full or the body ends.
 * One callback per piece and no copy in between: for ranges that a reader waits for. Throws what
 * `bodyPieces` throws; what was copied before stays counted.
 */
export function fillFromBody(answer: HttpAnswer, filling: Filling, skip: number): Promise<void> {
  const { body, rateWindowMs } = answer;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const size = filling.bytes.byteLength;
  let toSkip = skip;
  let since = performance.now();
  let bytes = 0;
  body.on('data', (piece: Buffer) => {
    // Who sends more than was asked for is cut off; who sends just that may keep the connection. The
    // buffer may be somebody else's by now.
    const isFull = filling.filled === size;
    const from = Math.min(toSkip, piece.byteLength);
    const copied = isFull ? 0 : piece.copy(filling.bytes, filling.filled, from);
    toSkip -= from;
    filling.filled += copied;
    bytes += piece.byteLength;
    if (from + copied < piece.byteLength) cutBody(answer);
    if (copied > 0) filling.onFilled?.(filling.filled - copied, filling.filled);
    if (filling.filled === size) resolve();
    const waitedMs = performance.now() - since;
    if (waitedMs < rateWindowMs) return;
    if (isTooSlow(bytes, waitedMs)) {
      reject(tooSlow(answer, bytes, waitedMs));
      cutBody(answer);
    }
    since = performance.now();
    bytes = 0;
  });
  body.on('error', reject);
  body.on('end', resolve);
  body.on('close', resolve);
  return promise;
}

function isTooSlow(bytes: number, waitedMs: number): boolean {
  return bytes < (TRANSFER_RATE_MIN * waitedMs) / 1000;
}

function tooSlow({ url }: HttpAnswer, bytes: number, waitedMs: number): SlowServerError {
  const seconds = (waitedMs / 1000).toFixed(1);
  return new SlowServerError(
    `${url.origin}: the server sent only ${bytes} bytes in ${seconds} seconds`,
    {
      retryable: true,
      remedy: 'check the network and the load of the registry, then run the command again',
    },
  );
}

/** Ends an answer whose body nobody wants, keeping the connection when the body is short. */
export async function discardBody(answer: HttpAnswer): Promise<void> {
  const length = Number(answer.headers.get('content-length') ?? 'NaN');
  if (answer.hasBody && !(length <= DISCARD_BYTES_MAX)) {
    cutBody(answer);
    return;
  }
  try {
    for await (const _ of bodyPieces(answer));
  } catch {
    // the answer's head was all that mattered
  }
}

/** Ends an answer at once, and its connection with it. */
export function cutBody(answer: HttpAnswer): void {
  answer.body.on('error', ignoreError);
  answer.body.destroy();
}

function ignoreError(): void {}
