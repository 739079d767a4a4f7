/**
 * A registry's bad days: an HTTP proxy in the test's process that passes requests on, or fails them
 * as told. Only reads of blobs suffer; so a mount can be made before anything is broken.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { serveOnLoopback, type TestScope } from '@shoal/test-kit';
import { passRequest } from './pass-request.ts';

export type GateMode =
  | 'pass'
  /** Connections end without an answer. */
  | 'down'
  /** Half of the bytes, then the connection ends. */
  | 'truncate'
  /** Right length, wrong bytes. */
  | 'lie'
  /** All bytes are zero. */
  | 'zeros'
  /** 503 with a body. */
  | 'error'
  /** The head of the answer, and never a byte. */
  | 'hang'
  /** Some 40 KiB a second, until the mode changes. */
  | 'slow';

export type FaultGate = {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
  mode: GateMode;
  /** Reads of blobs that arrived. */
  blobReads: number;
};

/** Stands before the registry at `upstream`; ends with the test. */
export async function openFaultGate(
  t: TestScope,
  upstream: string,
  options: { readonly user?: string; readonly password?: string } = {},
): Promise<FaultGate> {
  const { user, password } = options;
  const basic = Buffer.from(`${user}:${password}`).toString('base64');
  const server = createServer((incoming, answer) => {
    if (user !== undefined && incoming.headers.authorization !== `Basic ${basic}`) {
      answer.writeHead(401, { 'www-authenticate': 'Basic realm="gate"' }).end();
      return;
    }
    const isBlobRead = incoming.method === 'GET' && /\/blobs\//.test(incoming.url ?? '');
    if (isBlobRead) gate.blobReads += 1;
    const mode = isBlobRead ? gate.mode : 'pass';
    if (mode === 'down') incoming.socket.destroy();
    else if (mode === 'error') answer.writeHead(503).end('not today');
    else forward(upstream, incoming, answer, { mode, isOver: () => gate.mode !== mode });
  });
  const gate: FaultGate = { host: await serveOnLoopback(t, server), mode: 'pass', blobReads: 0 };
  return gate;
}

/** Of one request: as the gate was when it came. */
type Treatment = {
  readonly mode: GateMode;
  /** Whether the gate has another mode now. */
  readonly isOver: () => boolean;
};

function forward(
  upstream: string,
  incoming: IncomingMessage,
  answer: ServerResponse,
  how: Treatment,
): void {
  passRequest(upstream, incoming, answer, (response) => {
    void reply(response, answer, how).catch(() => answer.destroy());
  });
}

async function reply(
  response: IncomingMessage,
  answer: ServerResponse,
  { mode, isOver }: Treatment,
): Promise<void> {
  answer.writeHead(response.statusCode ?? 502, response.headers);
  if (mode === 'pass') {
    response.pipe(answer);
    return;
  }
  if (mode === 'slow') {
    await trickle(response, answer, isOver);
    return;
  }
  const parts: Buffer[] = [];
  for await (const part of response) parts.push(Buffer.from(part));
  const body = Buffer.concat(parts);
  if (mode === 'hang') answer.flushHeaders();
  if (mode === 'truncate') answer.write(body.subarray(0, body.length >> 1), () => answer.destroy());
  if (mode === 'zeros') answer.end(Buffer.alloc(body.length));
  if (mode === 'lie') answer.end(body.map((byte) => byte ^ 0x55));
}

const TRICKLE_BYTES = 2048;
const TRICKLE_MS = 50;

async function trickle(
  response: IncomingMessage,
  answer: ServerResponse,
  isOver: () => boolean,
): Promise<void> {
  for await (const part of response) {
    const bytes = Buffer.from(part);
    for (let at = 0; at < bytes.length; at += TRICKLE_BYTES) {
      if (answer.destroyed) return;
      answer.write(bytes.subarray(at, at + TRICKLE_BYTES));
      if (!isOver()) await sleep(TRICKLE_MS);
    }
  }
  answer.end();
}
