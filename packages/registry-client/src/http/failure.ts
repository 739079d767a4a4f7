/**
 * The one place that turns what undici, TLS, DNS and HTTP statuses report into coded errors, and
 * decides which of them can heal.
 */
import { errorCode, ShoalError } from '@shoal/errors';
import { quoted } from '@shoal/oci';
import {
  ClosedError,
  DeniedError,
  NotFoundError,
  ProtocolError,
  SilentServerError,
  StatusError,
  TlsError,
  TransferError,
  UnauthorizedError,
  UnreachableError,
} from '../errors.ts';
import type { HttpHeaders } from './messages.ts';
import { retryAfterMs } from './retry-after.ts';

const UNREACHABLE_CODES: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
  'EADDRNOTAVAIL',
  'ETIMEDOUT',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
]);

const TRANSFER_CODES: ReadonlySet<string> = new Set([
  'ECONNRESET',
  'EPIPE',
  'UND_ERR_SOCKET',
  'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
]);

/** A coded error for a request to `where` that got no whole answer; aborts pass unchanged. */
export function requestFailure(error: unknown, where: string, signal?: AbortSignal): unknown {
  if (error instanceof ShoalError) return error;
  if (signal?.aborted === true) return signal.reason;
  const code = deepCode(error);
  if (code === 'UND_ERR_DESTROYED' || code === 'UND_ERR_CLOSED') {
    return new ClosedError(`the connection to ${where}`);
  }
  if (code === 'ENOTFOUND') {
    return new UnreachableError(`${where}: the host name is unknown`, {
      cause: error,
      remedy: 'check the spelling of the registry and the name servers',
    });
  }
  if (UNREACHABLE_CODES.has(code)) return unreachable(error, where, code);
  if (code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT') {
    return silent(error, where, code);
  }
  if (isTlsCode(code)) return tlsFailure(error, where, code);
  if (code.startsWith('HPE_')) {
    return new ProtocolError(`${where}: the answer is not HTTP`, {
      cause: error,
      remedy: 'check host and port, and whether the registry speaks HTTPS',
    });
  }
  if (code.startsWith('UND_ERR_') && !TRANSFER_CODES.has(code)) {
    return new ProtocolError(`${where}: the exchange failed (${code})`, {
      cause: error,
      remedy: 'check host and port, and ask whoever runs the registry or the proxy in front of it',
    });
  }
  return new TransferError(`${where}: the connection broke (${code})`, {
    cause: error,
    retryable: true,
    remedy: where.startsWith('https:')
      ? 'check the network, and whether the registry wants a client certificate'
      : 'check the network and run the command again',
  });
}

function unreachable(error: unknown, where: string, code: string): UnreachableError {
  return new UnreachableError(`${where}: nobody answers (${code})`, {
    cause: error,
    retryable: true,
    remedy: 'check that the registry runs and that host, port and proxy settings are right',
  });
}

function silent(error: unknown, where: string, code: string): SilentServerError {
  return new SilentServerError(`${where}: the server has gone silent (${code})`, {
    cause: error,
    retryable: true,
    remedy: 'check the network and the load of the registry, then run the command again',
  });
}

function isTlsCode(code: string): boolean {
  return (
    code.startsWith('ERR_TLS_') ||
    code.startsWith('ERR_SSL_') ||
    code.includes('CERT') ||
    code === 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' ||
    code === 'EPROTO'
  );
}

function tlsFailure(error: unknown, where: string, code: string): TlsError {
  const isPlain =
    code === 'ERR_SSL_WRONG_VERSION_NUMBER' || code === 'ERR_SSL_PACKET_LENGTH_TOO_LONG';
  const isClientCertificate = code.includes('ALERT') || code.includes('CERTIFICATE_REQUIRED');
  return new TlsError(`${where}: TLS failed (${code})`, {
    cause: error,
    remedy: isPlain
      ? 'the registry speaks plain HTTP: allow that with --plain-http'
      : isClientCertificate
        ? 'the registry refuses this client: give its client certificate and key'
        : 'trust its certificate authority with --ca-file, or accept any certificate with --insecure',
  });
}

/** The first code in an error, its causes and its parts (happy eyeballs gives several). */
function deepCode(error: unknown): string {
  for (let current = error, depth = 0; depth < 5; depth++) {
    const code = errorCode(current);
    const next = causeOf(current);
    if (code !== undefined && (code !== 'UND_ERR_SOCKET' || next === undefined)) return code;
    if (next === undefined) return code ?? 'unknown error';
    current = next;
  }
  return 'unknown error';
}

function causeOf(error: unknown): unknown {
  if (error instanceof AggregateError) return error.errors[0];
  return error instanceof Error ? error.cause : undefined;
}

export type FailedAnswer = {
  readonly where: string;
  readonly status: number;
  readonly headers: HttpHeaders;
  /** What the server says of the reason, already cut; empty when nothing. */
  readonly detail: string;
};

/** A coded error for an answer with an unexpected status. */
export function statusFailure(answer: FailedAnswer): ShoalError {
  const { where, status, detail } = answer;
  const said = detail === '' ? '' : `: ${detail}`;
  switch (status) {
    case 401:
      return new UnauthorizedError(`${where}: credentials are wanted${said}`, {
        remedy: 'log in to this registry with docker login, or check the stored credentials',
      });
    case 403:
      return new DeniedError(`${where}: access is denied${said}`, {
        remedy: 'use credentials that may do this, or check the repository name',
      });
    case 404:
      return new NotFoundError(`${where}: not found${said}`, {
        remedy: 'check host, repository and tag, and whether credentials are needed',
      });
    default:
      return otherStatus(answer, said);
  }
}

function otherStatus({ where, status, headers }: FailedAnswer, said: string): StatusError {
  const canHeal =
    status === 408 || status === 425 || status === 429 || (status >= 500 && status !== 501);
  return new StatusError(`${where}: answered with status ${status}${said}`, status, {
    retryable: canHeal,
    retryAfterMs: retryAfterMs(headers, Date.now()),
    remedy:
      status === 429
        ? 'the registry limits requests: wait, or log in for a higher limit'
        : canHeal
          ? 'try again later or ask whoever runs the registry'
          : 'the registry refuses this request: ask whoever runs it',
  });
}

/**
 * The reasons in an error body of the distribution specification, as one printable line.
 * `withhold` replaces what must not be shown.
 */
export function describeErrorBody(
  body: Buffer,
  withhold: (text: string) => string = (text) => text,
): string {
  try {
    const parsed: unknown = JSON.parse(body.toString('utf8'));
    const errors = fieldOf(parsed, 'errors');
    const first: unknown = Array.isArray(errors) ? errors[0] : parsed;
    const parts = [fieldOf(first, 'code'), fieldOf(first, 'message'), fieldOf(first, 'details')];
    const texts = parts.filter((part) => typeof part === 'string' && part !== '');
    return texts.map((text) => quoted(withhold(String(text)))).join(' ');
  } catch {
    return '';
  }
}

function fieldOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.entries(value).find(([key]) => key === name)?.[1];
}
