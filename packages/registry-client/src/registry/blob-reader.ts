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
import type { RangeOptions } from '../image-store.ts';
import { PROGRESS_BYTES_MIN } from '../limits.ts';

/** What is read, by whatever name its opener knows it. */
type Sized = { readonly size: number };

export type BodyRequest<Subject> = {
  readonly descriptor: Subject;
  /** `bytes=a-b`, or undefined for the whole blob. */
  readonly range: string | undefined;
  readonly signal: AbortSignal | undefined;
  readonly attempt: number;
  /** Among those who wait for the same server, the lowest goes first. @default 0 */
  readonly rank?: (() => number) | undefined;
};

/** One try: status 200 or 206. */
export type BodyOpener<Subject> = {
  open(request: BodyRequest<Subject>): Promise<HttpAnswer>;
};

export type BlobSpan<Subject extends Sized = Descriptor> = {
  readonly descriptor: Subject;
  readonly offset: number;
  /** First byte after the span. */
  readonly end: number;
  /** The whole blob is wanted: no range is asked for, and its length must be the descriptor's. */
  readonly isWhole: boolean;
  readonly signal: AbortSignal | undefined;
  readonly rank?: (() => number) | undefined;
  /** Told how many bytes the whole blob has, where the answer says it. */
  readonly onSize?: ((sizeBytes: number) => void) | undefined;
};

export class BlobReader<Subject extends Sized = Descriptor> {
  readonly #opener: BodyOpener<Subject>;
  readonly #policy: RetryPolicy;
  readonly #where: string;
  readonly #nameOf: (subject: Subject) => string;

  /** `where` names registry and repository in errors, `nameOf` what is read of it. */
  constructor(
    opener: BodyOpener<Subject>,
    policy: RetryPolicy,
    where: string,
    nameOf: (subject: Subject) => string,
  ) {
    this.#opener = opener;
    this.#policy = policy;
    this.#where = where;
    this.#nameOf = nameOf;
  }

  /** Exactly the bytes of the span, in pieces, or an error. */
  async *pieces(span: BlobSpan<Subject>): AsyncGenerator<Buffer, void, void> {
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

  /**
   * The bytes of a span, in the memory that is given or a buffer of their own, or an error. For spans of a few megabytes. A transfer
   * that goes on tells no byte again.
   */
  async collect(
    span: BlobSpan<Subject>,
    { onBytes, memory }: Pick<RangeOptions, 'onBytes' | 'memory'> = {},
  ): Promise<Buffer> {
    const length = span.end - span.offset;
    const bytes = memory?.length === length ? memory : Buffer.allocUnsafeSlow(length);
    const tell = (start: number, end: number) =>
      onBytes?.(span.offset + start, bytes.subarray(start, end));
    const filling: Filling = { bytes, filled: 0, onFilled: onBytes && tell };
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
  async #pauseAfter(thrown: unknown, failures: number, span: BlobSpan<Subject>): Promise<void> {
    const error = requestFailure(thrown, this.#placeOf(span), span.signal);
    const isAborted = span.signal?.aborted === true;
    const delayMs = isAborted ? undefined : delayAfter(error, failures, this.#policy);
    if (delayMs === undefined) throw error;
    await pause(delayMs, span.signal);
  }

  /** One request for what is missing; throws when the body ends before the span does. */
  async #fill(span: BlobSpan<Subject>, attempt: number, filling: Filling): Promise<void> {
    const { descriptor, offset, end, signal, rank } = span;
    const range = `bytes=${offset}-${end - 1}`;
    const answer = await this.#opener.open({ descriptor, range, signal, attempt, rank });
    await fillFromBody(answer, filling, offset - this.#startOf(answer, span, false));
    const delivered = end - (filling.bytes.byteLength - filling.filled);
    if (delivered < end) throw this.#endedAt(span, delivered);
  }

  /** One request; throws when the body ends before the span does. */
  async *#transfer(span: BlobSpan<Subject>, attempt: number): AsyncGenerator<Buffer, void, void> {
    const { descriptor, offset, end, signal, rank } = span;
    const isWhole = span.isWhole && offset === 0;
    const range = isWhole ? undefined : `bytes=${offset}-${end - 1}`;
    const answer = await this.#opener.open({ descriptor, range, signal, attempt, rank });
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

  #endedAt(span: BlobSpan<Subject>, position: number): TransferError {
    return new TransferError(`${this.#placeOf(span)}: the transfer ended at byte ${position}`, {
      retryable: true,
      remedy: 'check the network and run the command again',
    });
  }

  /** Position in the blob of the first byte of the body. */
  #startOf(answer: HttpAnswer, span: BlobSpan<Subject>, isWhole: boolean): number {
    const length = lengthOf(answer);
    if (length !== undefined) span.onSize?.(length);
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

  #wrongSize(descriptor: Subject, actual: string): SizeMismatchError {
    return new SizeMismatchError(this.#where, this.#nameOf(descriptor), descriptor.size, actual);
  }

  #placeOf(span: BlobSpan<Subject>): string {
    return `${this.#where}: ${this.#nameOf(span.descriptor)}`;
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
