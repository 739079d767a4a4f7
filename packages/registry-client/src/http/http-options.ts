/**
 * What HTTP itself is told: whom to trust, how long to wait, how often to try, whom to tell of it.
 */
import type { LookupFunction } from 'node:net';

/** One HTTP exchange, for wire logs and statistics. Holds no secrets: queries are cut off. */
export type RequestEvent = {
  readonly method: string;
  /** Without query and credentials. */
  readonly url: string;
  /** Undefined when no answer came. */
  readonly status: number | undefined;
  /** Code of the error when no answer came. */
  readonly errorCode: string | undefined;
  /** `bytes=a-b` when part of a body was asked for. */
  readonly range: string | undefined;
  /** 1 for the first try. */
  readonly attempt: number;
  /** Milliseconds to the head of the answer. */
  readonly durationMs: number;
};

export type RetryOptions = {
  /** Tries of one request, the first included. @default ATTEMPTS_MAX */
  readonly attemptsMax?: number | undefined;
  /** Wait before the second try; doubles each time, with jitter. @default RETRY_DELAY_MS */
  readonly delayMs?: number | undefined;
  /** Longest wait between two tries. @default RETRY_DELAY_MS_MAX */
  readonly delayMaxMs?: number | undefined;
  /** A `Retry-After` above this is not waited for. @default RETRY_AFTER_MS_MAX */
  readonly retryAfterMaxMs?: number | undefined;
  /** Source of jitter, 0 up to 1. @default Math.random */
  readonly random?: (() => number) | undefined;
};

export type TimeoutOptions = {
  /** TCP and TLS set-up. @default CONNECT_TIMEOUT_MS */
  readonly connectTimeoutMs?: number | undefined;
  /** Until the head of an answer. @default HEADERS_TIMEOUT_MS */
  readonly headersTimeoutMs?: number | undefined;
  /** Between two pieces of a body. @default BODY_TIMEOUT_MS */
  readonly bodyTimeoutMs?: number | undefined;
  /** Waiting for a body over which its rate must reach `TRANSFER_RATE_MIN`. @default RATE_WINDOW_MS */
  readonly rateWindowMs?: number | undefined;
};

export type HttpOptions = {
  /** Accept any certificate. */
  readonly insecure?: boolean | undefined;
  /** PEM file of certificate authorities trusted beside the usual ones. */
  readonly caFile?: string | undefined;
  readonly clientCertificateFile?: string | undefined;
  readonly clientKeyFile?: string | undefined;
  /** Where the proxy variables come from. @default process.env */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /**
   * `host:port`, `[IPv6]:port` of servers that are known, as URLs have them. When it is given, no other is
   * connected to unless its address is a public one: where redirects and token services lead is up to
   * strangers.
   */
  readonly trustedHosts?: ReadonlySet<string> | undefined;
  /** What names lead to. @default dns.lookup */
  readonly lookup?: LookupFunction | undefined;
  readonly onRequest?: ((event: RequestEvent) => void) | undefined;
  readonly retry?: RetryOptions | undefined;
  readonly timeouts?: TimeoutOptions | undefined;
};
