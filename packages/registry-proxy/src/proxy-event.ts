/** One answered request, for logs and counters. No query, no header. */
import { errorCode } from '@shoal/errors';
import type { ByteOrigin, BytesBy, Reply } from './answer/reply.ts';
import type { Target } from './request/target.ts';

export type ProxyEvent = {
  readonly method: string;
  /** What was asked for; `refused` when that cannot be told. */
  readonly kind: Target['kind'] | 'refused';
  /** Undefined when the request names none that is mirrored. */
  readonly upstream: string | undefined;
  /** As the path has it. */
  readonly name: string | undefined;
  /** Tag or digest. */
  readonly reference: string | undefined;
  readonly status: number;
  readonly origin: ByteOrigin | undefined;
  /** Bytes of the body that were handed to the connection. */
  readonly bytes: number;
  /** Those of them that are content, by where they came from. */
  readonly bytesBy: BytesBy;
  /** It is what the upstream said last, which fails now. */
  readonly isStale: boolean;
  readonly durationMs: number;
  /** Of an answer that could not be given, or not to its end. */
  readonly errorCode: string | undefined;
  /** The same in words, for people; no secrets. */
  readonly error: string | undefined;
};

type Outcome = {
  readonly method: string;
  readonly target: Target | undefined;
  readonly upstream: string | undefined;
  readonly reply: Reply;
  readonly durationMs: number;
  readonly failure: unknown;
};

export function eventOf(outcome: Outcome): ProxyEvent {
  const { method, target, upstream, reply, durationMs } = outcome;
  const failure = outcome.failure ?? reply.failure;
  return {
    method,
    kind: target?.kind ?? 'refused',
    upstream,
    name: target !== undefined && 'name' in target ? target.name : undefined,
    reference: referenceOf(target),
    status: reply.status,
    origin: reply.origin,
    bytes: reply.bytesSent,
    bytesBy: reply.bytesBy,
    isStale: reply.isStale,
    durationMs,
    errorCode: failure === undefined ? undefined : (errorCode(failure) ?? 'ERR_UNEXPECTED'),
    error: failure instanceof Error ? failure.message : undefined,
  };
}

function referenceOf(target: Target | undefined): string | undefined {
  switch (target?.kind) {
    case 'manifests':
      return target.reference.kind === 'tag' ? target.reference.tag : target.reference.digest;
    case 'blobs':
    case 'referrers':
      return target.digest;
    default:
      return undefined;
  }
}
