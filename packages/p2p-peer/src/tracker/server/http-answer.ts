/** Answers of the tracker, and what it reads of requests: bounded, checked. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { readBounded } from '@shoal/oci/bounded-body';
import type { z } from 'zod';
import { TrackerRequestError } from '../errors.ts';
import { REFUSAL_CHARACTERS_MAX } from '../limits.ts';

export type Headers = { readonly [name: string]: string };

const SAFE_HEADERS: Headers = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
};

export function sendText(
  response: ServerResponse,
  status: number,
  text: string | Buffer,
  headers: Headers = {},
): void {
  if (response.headersSent) return void response.end();
  const body = Buffer.isBuffer(text) ? text : Buffer.from(text);
  response.writeHead(status, {
    ...SAFE_HEADERS,
    'content-type': 'text/plain; charset=utf-8',
    ...headers,
    'content-length': String(body.length),
  });
  response.end(body);
}

export function sendJson(
  response: ServerResponse,
  status: number,
  body: string,
  headers: Headers = {},
): void {
  sendText(response, status, body, { 'content-type': 'application/json', ...headers });
}

/** JSON with a tag: who has seen it gets 304. */
export function sendTagged(
  request: IncomingMessage,
  response: ServerResponse,
  { etag, body }: { readonly etag: string; readonly body: string },
): void {
  const headers = { etag, 'cache-control': 'no-cache' };
  if (request.headers['if-none-match'] !== etag) sendJson(response, 200, body, headers);
  else response.writeHead(304, { ...SAFE_HEADERS, ...headers }).end();
}

export type Refusal = { readonly status: number; readonly detail: string };

/** What is wrong, in words; bencoded for who announces, and then with 200, as BEP 3 has it. */
export function sendError(
  request: IncomingMessage,
  response: ServerResponse,
  { status, detail }: Refusal,
): void {
  const headers: Headers = status === 429 ? { 'retry-after': '1' } : {};
  if (!/^\/(?:announce|scrape)\b/.test(request.url ?? '')) {
    sendJson(response, status, JSON.stringify({ error: detail }), headers);
  } else {
    const body = `d14:failure reason${Buffer.byteLength(detail)}:${detail}e`;
    sendText(response, status === 429 ? status : 200, body, headers);
  }
}

/** The body, as the schema wants it. Throws `ERR_P2P_TRACKER_REQUEST`. */
export async function readBody<Schema extends z.ZodType>(
  request: IncomingMessage,
  bytesMax: number,
  schema: Schema,
): Promise<z.output<Schema>> {
  const result = schema.safeParse(parseJson(await readBytes(request, bytesMax)));
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const place = issue?.path.join('.') ?? '';
  throw new TrackerRequestError(
    400,
    `not understood: ${place} ${issue?.message ?? ''}`.slice(0, REFUSAL_CHARACTERS_MAX),
  );
}

async function readBytes(request: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const tooLong = () => new TrackerRequestError(413, `more than ${bytesMax} bytes`);
  if (Number(request.headers['content-length'] ?? 0) > bytesMax) throw tooLong();
  return await readBounded(request, bytesMax, tooLong);
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    throw new TrackerRequestError(400, 'not JSON');
  }
}
