/** Answers of an upstream that are no success, as they are passed on. */
import type { HttpHeaders } from '@shoal/registry-client/upstream';
import { type OciErrorCode, type Refusal, refusal } from '../answer/refusal.ts';
import type { UpstreamDocument } from './asked-documents.ts';

/** What says something to a client; `www-authenticate` above all, as it came. */
const PASSED_ON = [
  'content-type',
  'www-authenticate',
  'retry-after',
  'ratelimit-limit',
  'ratelimit-remaining',
  'docker-ratelimit-source',
  'warning',
  'oci-filters-applied',
];

/** Of success and failure alike. */
export function passedOnHeaders(headers: HttpHeaders): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of PASSED_ON) {
    const value = headers.get(name);
    if (value !== undefined) kept[name] = value;
  }
  return kept;
}

/** An answer of 400 and above stays as it is; what cannot be understood is the upstream's fault. */
export function passedOn({ status, headers, body }: UpstreamDocument): Refusal {
  if (status >= 400 && status <= 599) {
    const passed = passedOnHeaders(headers);
    if (body.byteLength > 0) return { kind: 'refusal', status, headers: passed, body };
    // The answer to a HEAD: a reader of ours may have sent a GET.
    return refusal(status, codeOf(status), `the upstream answered with status ${status}`, {
      ...passed,
      'content-type': 'application/json',
    });
  }
  return refusal(502, 'UNAVAILABLE', `the upstream answered with status ${status}`);
}

function codeOf(status: number): OciErrorCode {
  switch (status) {
    case 401:
      return 'UNAUTHORIZED';
    case 403:
      return 'DENIED';
    case 404:
      return 'NAME_UNKNOWN';
    case 429:
      return 'TOOMANYREQUESTS';
    default:
      return 'UNAVAILABLE';
  }
}

/** The upstream itself fails, or asks to be left alone: what is remembered may stand in for it. */
export function isFailing(status: number): boolean {
  return status === 429 || status === 408 || status >= 500;
}
