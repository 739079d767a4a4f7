/** What a fault proxy can do to an exchange instead of passing it on. */
import type { IncomingMessage } from 'node:http';

export type Fault =
  /** Cut the connection before the request reaches the registry. */
  | { readonly kind: 'reset' }
  /** Pass the request on, then cut the connection without an answer. */
  | { readonly kind: 'lose-answer' }
  /** Cut the connection after so many bytes of the answer's body. */
  | { readonly kind: 'truncate'; readonly afterBytes: number }
  /** Claim that the body is this long, and end there. */
  | { readonly kind: 'shorten'; readonly bytes: number }
  /** Answer with a status of one's own. */
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
    }
  /** Change one byte of the answer's body. */
  | { readonly kind: 'corrupt'; readonly atByte: number }
  /** Send the body in small pieces with pauses. */
  | { readonly kind: 'slow'; readonly pieceBytes: number; readonly pauseMs: number }
  /** Take the request and say nothing. */
  | { readonly kind: 'hang' }
  /** Answer a range request with the whole body. */
  | { readonly kind: 'ignore-range' };

export type FaultRule = {
  readonly fault: Fault;
  /** @default every request */
  readonly matches?: (request: IncomingMessage) => boolean;
  /** How many requests it hits before it is used up. @default for ever */
  readonly times?: number;
};

/** Requests for blobs, the most common target of a fault. */
export function isBlobRead(request: IncomingMessage): boolean {
  return request.method === 'GET' && /\/blobs\/sha256:/.test(request.url ?? '');
}
