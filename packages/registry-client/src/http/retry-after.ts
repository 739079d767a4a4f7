/** How long a server asks to be left alone. */
import type { HttpHeaders } from './messages.ts';

/** `Retry-After` in milliseconds: seconds or an HTTP date. */
export function retryAfterMs(headers: HttpHeaders, nowMs: number): number | undefined {
  const value = headers.get('retry-after');
  if (value === undefined) return undefined;
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs);
}
