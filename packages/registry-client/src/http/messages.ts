/**
 * What goes into an HTTP exchange and what comes out of it.
 */
import type { Readable } from 'node:stream';

export type HttpMethod = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** Headers of an answer, names in lower case, several values joined by commas. */
export type HttpHeaders = ReadonlyMap<string, string>;

/** Whose request it is, among those that wait for one server. */
export type Turn = {
  /** Lowest first. May change while the request waits. */
  readonly rank: () => number;
  /** Longest wait for a server that wants silence; above that its last word is the answer. */
  readonly waitMsMax: number;
  /** Of the same rank, whoever has tried more often goes first. */
  readonly attempt: number;
};

export type HttpRequest = {
  readonly method: HttpMethod;
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: Uint8Array | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Until the head of the answer. @default the client's */
  readonly headersTimeoutMs?: number | undefined;
  /** False where a server elsewhere named the URL: no local address is connected to. @default true */
  readonly mayBeLocal?: boolean | undefined;
  /** Waits until the server wants requests. @default it is sent at once */
  readonly turn?: Turn | undefined;
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
