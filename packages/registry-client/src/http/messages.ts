/**
 * What goes into an HTTP exchange and what comes out of it.
 */
import type { Readable } from 'node:stream';

export type HttpMethod = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** Headers of an answer, names in lower case, several values joined by commas. */
export type HttpHeaders = ReadonlyMap<string, string>;

export type HttpRequest = {
  readonly method: HttpMethod;
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: Uint8Array | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Until the head of the answer. @default the client's */
  readonly headersTimeoutMs?: number | undefined;
};

export type HttpAnswer = {
  readonly status: number;
  readonly headers: HttpHeaders;
  /** Must be read to its end, by `bodyPieces`, or destroyed. */
  readonly body: Readable;
  /** Over how much waiting the body's rate is measured. */
  readonly rateWindowMs: number;
  readonly url: URL;
  /** False for the answer to a HEAD, whatever its Content-Length says. */
  readonly hasBody: boolean;
};
