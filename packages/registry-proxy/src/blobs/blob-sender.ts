/**
 * Sends a blob, or a range of it, as fast as the client takes it. The end of a whole blob is held back
 * until its digest is known: a blob that is wrong never arrives whole.
 */
import type { CodecPool, HashStream } from '@shoal/blob-store';
import { afterAwakeMs } from '@shoal/concurrency';
import { digestAlgorithm, digestLike } from '@shoal/oci';
import { refusalOf } from '../answer/failure.ts';
import { refusal } from '../answer/refusal.ts';
import type { Reply, ReplyHead } from '../answer/reply.ts';
import { UpstreamTimeoutError, WrongContentError } from '../errors.ts';
import { FIRST_BYTES_TIMEOUT_MS, HELD_BACK_BYTES } from '../limits.ts';
import type { ByteSpan } from '../request/byte-range.ts';
import type { ProxyRequest } from '../request/proxy-request.ts';
import { BlobHash } from './blob-hash.ts';
import { blobParts, type PartReading } from './blob-parts.ts';
import type { Blob, BlobPart } from './blob-reads.ts';

export class BlobSender {
  readonly #reading: PartReading;
  readonly #codecs: CodecPool;

  constructor(reading: PartReading, codecs: CodecPool) {
    this.#reading = reading;
    this.#codecs = codecs;
  }

  /** The upstream answers ranges with whole blobs, and so do we: anything else would cost it more. */
  ignoresRanges(request: ProxyRequest): boolean {
    return this.#reading.reads.ignoresRanges(request);
  }

  /** `span` undefined: the whole blob, verified. Throws only before the answer has begun. */
  async send(
    request: ProxyRequest,
    blob: Blob,
    span: ByteSpan | undefined,
    headers: Readonly<Record<string, string>>,
    reply: Reply,
  ): Promise<void> {
    const { start, end } = span ?? { start: 0, end: blob.size };
    const head = headOf(blob, span, headers);
    if (blob.size === 0) return sendEmpty(blob, head, reply);
    const stop = new AbortController();
    const signal = AbortSignal.any([request.signal, stop.signal]);
    const parts = blobParts(this.#reading, request, blob, { start, end }, signal);
    try {
      using running = span === undefined ? this.#openHash(blob) : undefined;
      const hash = running === undefined ? undefined : new BlobHash(blob.digest, running);
      await sendParts(
        await firstOf(parts, request, stop),
        parts,
        { head, end, hash, blob },
        reply,
        signal,
      );
    } catch (error) {
      if (reply.isStarted || request.signal.aborted) {
        reply.cut(error);
        return;
      }
      reply.failure = error;
      reply.refuse(refusalOf(error));
    } finally {
      stop.abort();
      await parts.return(undefined);
    }
  }

  #openHash({ digest }: Blob): HashStream {
    return this.#codecs.openHash(digestAlgorithm(digest));
  }
}

function headOf(
  blob: Blob,
  span: ByteSpan | undefined,
  headers: Readonly<Record<string, string>>,
): ReplyHead {
  if (span === undefined) {
    return { status: 200, headers: { ...headers, 'content-length': `${blob.size}` } };
  }
  const range = `bytes ${span.start}-${span.end - 1}/${blob.size}`;
  const length = `${span.end - span.start}`;
  return {
    status: 206,
    headers: { ...headers, 'content-range': range, 'content-length': length },
  };
}

/** Headers are sent when the first bytes are there: before that an error can still be told. */
async function firstOf(
  parts: AsyncGenerator<BlobPart, undefined, void>,
  { upstream }: ProxyRequest,
  stop: AbortController,
): Promise<BlobPart> {
  const late = new UpstreamTimeoutError(upstream.name, FIRST_BYTES_TIMEOUT_MS);
  const endLimit = afterAwakeMs(FIRST_BYTES_TIMEOUT_MS, () => stop.abort(late));
  try {
    const { value } = await parts.next();
    if (value === undefined) throw new Error('a blob of no parts');
    return value;
  } finally {
    endLimit();
  }
}

type Sending = {
  readonly head: ReplyHead;
  readonly end: number;
  /** Undefined for ranges, which have no digest. */
  readonly hash: BlobHash | undefined;
  readonly blob: Blob;
};

async function sendParts(
  first: BlobPart,
  parts: AsyncGenerator<BlobPart, undefined, void>,
  { head, end, hash, blob }: Sending,
  reply: Reply,
  signal: AbortSignal,
): Promise<void> {
  for (
    let part: BlobPart | undefined = first;
    part !== undefined;
    part = (await parts.next()).value
  ) {
    const { bytes, origin } = part;
    await hash?.add(part);
    const isLast = part.offset + bytes.byteLength >= end;
    const isHeld = isLast && hash !== undefined;
    const freely = isHeld ? Math.max(0, bytes.byteLength - HELD_BACK_BYTES) : bytes.byteLength;
    const begin = () => {
      if (!reply.isStarted) reply.start(head, first.origin);
    };
    if (freely > 0) {
      begin();
      await reply.write(bytes.subarray(0, freely), origin, signal);
    }
    if (!isHeld) continue;
    if (!(await hash.isRight())) throw new WrongContentError('the blob', blob.digest);
    begin();
    await reply.write(bytes.subarray(freely), origin, signal);
  }
  reply.end();
}

function sendEmpty(blob: Blob, head: ReplyHead, reply: Reply): void {
  if (digestLike(blob.digest, Buffer.alloc(0)) === blob.digest) {
    reply.send(head, 'local', Buffer.alloc(0));
  } else {
    reply.refuse(refusal(502, 'UNAVAILABLE', 'the upstream says that the blob is empty'));
  }
}
