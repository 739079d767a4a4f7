/**
 * Which answer an error becomes. A runtime takes 404 and most errors as the sign to ask the next host;
 * 429 and 503 make it wait, so they are passed on only when an upstream has said so itself.
 */
import { ShoalError } from '@shoal/errors';
import {
  DeniedError,
  NotFoundError,
  SilentServerError,
  StatusError,
  UnauthorizedError,
} from '@shoal/registry-client';
import { ProxyBusyError, UpstreamTimeoutError } from '../errors.ts';
import { type Refusal, refusal } from './refusal.ts';

/** The messages of coded errors hold no secrets; those of others are not shown. */
export function refusalOf(error: unknown): Refusal {
  const answer = answerTo(error);
  // What is not there is no fault of anybody.
  return answer.status === 404 ? answer : { ...answer, failure: error };
}

function answerTo(error: unknown): Refusal {
  if (!(error instanceof ShoalError)) return refusal(500, 'UNKNOWN', 'the proxy failed');
  const { message } = error;
  if (error instanceof NotFoundError) return refusal(404, 'NAME_UNKNOWN', message);
  if (error instanceof UnauthorizedError || error instanceof DeniedError) {
    return refusal(403, 'DENIED', message);
  }
  if (error instanceof ProxyBusyError) return refusal(503, 'UNAVAILABLE', message);
  if (error instanceof StatusError) return statusRefusal(error);
  if (error instanceof UpstreamTimeoutError || error instanceof SilentServerError) {
    return refusal(504, 'UNAVAILABLE', message);
  }
  return refusal(502, 'UNAVAILABLE', message);
}

function statusRefusal({ status, retryAfterMs, message }: StatusError): Refusal {
  const headers: Record<string, string> =
    retryAfterMs === undefined ? {} : { 'retry-after': `${Math.ceil(retryAfterMs / 1000)}` };
  if (status === 429) return refusal(429, 'TOOMANYREQUESTS', message, headers);
  if (status >= 500) return refusal(status, 'UNAVAILABLE', message, headers);
  return refusal(502, 'UNAVAILABLE', message);
}
