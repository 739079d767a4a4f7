/**
 * What is wrong with a request, whatever it asks for. Node's parser has refused what is no HTTP; here
 * goes what two programs in a row could understand differently, and what only writes send.
 */
import type { IncomingMessage } from 'node:http';
import { type Refusal, refusal } from '../answer/refusal.ts';
import { HEADERS_MAX } from '../limits.ts';

/** Headers that must not come twice: which of them counts is a matter of taste. */
const SINGLE = [
  'authorization',
  'content-length',
  'host',
  'if-range',
  'range',
  'transfer-encoding',
];

/** Undefined when there is nothing wrong. */
export function checkRequest(request: IncomingMessage): Refusal | undefined {
  const { method, headers, rawHeaders } = request;
  if (rawHeaders.length > 2 * HEADERS_MAX) {
    return refusal(431, 'UNSUPPORTED', 'there are too many headers', CLOSES);
  }
  const names = rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
  const twice = SINGLE.find((name) => names.indexOf(name) !== names.lastIndexOf(name));
  if (twice !== undefined) return refusal(400, 'UNSUPPORTED', `${twice} is given twice`, CLOSES);
  if (method !== 'GET' && method !== 'HEAD') {
    return refusal(405, 'UNSUPPORTED', 'this mirror can only be read', {
      ...CLOSES,
      allow: 'GET, HEAD',
    });
  }
  const hasBody =
    headers['transfer-encoding'] !== undefined || !/^0*$/.test(headers['content-length'] ?? '');
  if (hasBody) return refusal(400, 'UNSUPPORTED', 'a body is not expected', CLOSES);
  return undefined;
}

/** Whatever comes behind such a request on its connection is not read. */
const CLOSES = { connection: 'close' } as const;
