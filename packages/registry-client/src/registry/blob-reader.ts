/**
 * Reads bytes of a blob from a registry and goes on where a broken transfer stopped. A registry that
 * answers a range with the whole blob is read only as far as needed.
 */
import type { Descriptor } from '@shoal/oci';
import { ProtocolError, SizeMismatchError, TransferError } from '../errors.ts';
import { bodyPieces, cutBody, type Filling, fillFromBody } from '../http/body-pieces.ts';
import { requestFailure } from '../http/failure.ts';
import type { HttpAnswer } from '../http/messages.ts';
import { delayAfter, pause, type RetryPolicy } from '../http/retry.ts';
import { PROGRESS_BYTES_MIN } from '../limits.ts';
import type { BlobOpener } from './blob-opener.ts';

export type BlobSpan = {
  readonly descriptor: Descriptor;
  readonly offset: number;
  /** First byte after the span. */
  readonly end: number;
  /** The whole blob is wanted: no range is asked for, and its length must be the descriptor's. */
  readonly isWhole: boolean;
  readonly signal: AbortSignal | undefined;
};

export class BlobReader {
  readonly #opener: BlobOpener;
  readonly #policy: RetryPolicy;
  readonly #where: string;

  /** `where` names registry and repository in errors. */
  constructor(opener: BlobOpener, policy: RetryPolicy, where: string) {
    this.#opener = opener;
    this.#policy = policy;
    this.#where = where;
  }

  /** Exactly the bytes of the span, in pieces, or an error. */
  async *pieces(span: BlobSpan): AsyncGenerator<Buffer, void, void> {
    let position = span.offset;
    let failures = 0;
    while (position < span.end) {
      const started = position;
      try {
        for await (const piece of this.#transfer({ ...span, offset: position }, failures + 1)) {
          position += piece.byteLength;
          yield piece;
        }
      } catch (error) {
        failures = position - started >= PROGRESS_BYTES_MIN ? 1 : failures + 1;
        await this.#pauseAfter(error, failures, span);
      }
    }
  }

  /** The bytes of a span, in a buffer of their own, or an error. For spans of a few megabytes. */
  async collect(span: BlobSpan): Promise<Buffer> {
    const bytes = Buffer.allocUnsafeSlow(span.end - span.offset);
    const filling: Filling = { bytes, filled: 0 };
    let failures = 0;
    while (filling.filled < bytes.byteLength) {
      const before = filling.filled;
      try {
        await this.#fill({ ...span, offset: span.offset + before }, failures + 1, filling);
      } catch (error) {
        failures = filling.filled - before >= PROGRESS_BYTES_MIN ? 1 : failures + 1;
        await this.#pauseAfter(error, failures, span);
      }
    }
    return bytes;
  }

  /** Throws when nothing is to be tried any more. */
  async #pauseAfter(thrown: unknown, failures: number, span: BlobSpan): Promise<void> {
    const error = requestFailure(thrown, this.#placeOf(span), span.signal);
    const isAborted = span.signal?.aborted === true;
    const delayMs = isAborted ? undefined : delayAfter(error, failures, this.#policy);
    if (delayMs === undefined) throw error;
    await pause(delayMs, span.signal);
  }

  /** One request for what is missing; throws when the body ends before the span does. */
  async #fill(span: BlobSpan, attempt: number, filling: Filling): Promise<void> {
    const { descriptor, offset, end, signal } = span;
    const range = `bytes=${offset}-${end - 1}`;
    const answer = await this.#opener.open({ descriptor, range, signal, attempt });
    await fillFromBody(answer, filling, offset - this.#startOf(answer, span, false));
    const delivered = end - (filling.bytes.byteLength - filling.filled);
    if (delivered < end) throw this.#endedAt(span, delivered);
  }

  /** One request; throws when the body ends before the span does. */
  async *#transfer(span: BlobSpan, attempt: number): AsyncGenerator<Buffer, void, void> {
    const { descriptor, offset, end, signal } = span;
    const isWhole = span.isWhole && offset === 0;
    const range = isWhole ? undefined : `bytes=${offset}-${end - 1}`;
    const answer = await this.#opener.open({ descriptor, range, signal, attempt });
    let position = this.#startOf(answer, span, isWhole);
    let delivered = offset;
    for await (const piece of bodyPieces(answer)) {
      const from = Math.max(0, delivered - position);
      const part = piece.subarray(from, Math.max(from, end - position));
      position += piece.byteLength;
      delivered += part.byteLength;
      if (part.byteLength > 0) yield part;
      if (position > end) {
        if (isWhole) throw this.#wrongSize(descriptor, `more than ${descriptor.size}`);
        return;
      }
    }
    if (delivered < end) throw this.#endedAt(span, delivered);
  }

  #endedAt(span: BlobSpan, position: number): TransferError {
    return new TransferError(`${this.#placeOf(span)}: the transfer ended at byte ${position}`, {
      retryable: true,
      remedy: 'check the network and run the command again',
    });
  }

  /** Position in the blob of the first byte of the body. */
  #startOf(answer: HttpAnswer, span: BlobSpan, isWhole: boolean): number {
    const length = lengthOf(answer);
    const isWrong = isWhole ? length !== span.descriptor.size : (length ?? 0) < span.end;
    if (length !== undefined && isWrong) {
      cutBody(answer);
      throw this.#wrongSize(span.descriptor, `${length}`);
    }
    if (answer.status === 200) return 0;
    const start = /^bytes (\d{1,15})-/.exec(answer.headers.get('content-range') ?? '')?.[1];
    if (start !== undefined && Number(start) === span.offset) return span.offset;
    cutBody(answer);
    throw new ProtocolError(`${this.#placeOf(span)}: another range came than was asked for`, {
      remedy: 'ask whoever runs the registry or the proxy in front of it',
    });
  }

  #wrongSize(descriptor: Descriptor, actual: string): SizeMismatchError {
    return new SizeMismatchError(this.#where, descriptor.digest, descriptor.size, actual);
  }

  #placeOf(span: BlobSpan): string {
    return `${this.#where}: blob ${span.descriptor.digest}`;
  }
}

/** Bytes of the whole blob as the answer has it; undefined when it does not say. */
function lengthOf({ status, headers }: HttpAnswer): number | undefined {
  const text =
    status === 206
      ? /\/(\d{1,15})$/.exec(headers.get('content-range') ?? '')?.[1]
      : headers.get('content-length');
  return text === undefined || !/^\d{1,15}$/.test(text) ? undefined : Number(text);
}
