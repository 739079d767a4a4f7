/** The proxies that a request has come through, so that none sees it twice. */
import type { IncomingHttpHeaders } from 'node:http';
import { HOPS_MAX } from '../limits.ts';
import { VIA_HEADER } from '../upstream/upstream.ts';

/** What the next request carries; undefined when this one goes in circles. */
export function nextVia(headers: IncomingHttpHeaders, ownId: string): string | undefined {
  const value = headers[VIA_HEADER];
  const text = Array.isArray(value) ? value.join(',') : (value ?? '');
  const ids = text.split(',').map((id) => id.trim());
  const known = ids.filter((id) => id !== '');
  if (known.includes(ownId) || known.length >= HOPS_MAX) return undefined;
  // Whatever else somebody puts there goes no further.
  return [...known.filter((id) => /^[0-9a-f]{16}$/.test(id)), ownId].join(', ');
}
