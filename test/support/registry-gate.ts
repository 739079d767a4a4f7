/**
 * A registry that has bad days for one kind of client: an HTTP proxy in the test's process that passes
 * everything on for others, and fails every request of Shoal's as told, manifests included.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { serveOnLoopback, type TestScope } from '@shoal/test-kit';
import { passRequest } from './pass-request.ts';

export type RegistryFault =
  /** 401, as from a registry that takes other credentials now. */
  | 'unauthorized'
  /** 429, with a second to wait. */
  | 'too-many'
  /** 500 with a body. */
  | 'error'
  /** Connections end without an answer. */
  | 'down'
  /** No answer, ever. */
  | 'hang'
  /** Right length, wrong bytes. */
  | 'lie';

export type RegistryGate = {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
  /** Undefined: all is well. */
  fault: RegistryFault | undefined;
  /** Requests that have met a fault. */
  faults: number;
};

const SHOAL = /^shoal\//i;

/** Stands before the registry at `upstream`; ends with the test. */
export async function openRegistryGate(t: TestScope, upstream: string): Promise<RegistryGate> {
  const server = createServer((incoming, answer) => {
    const isShoal = SHOAL.test(incoming.headers['user-agent'] ?? '');
    const fault = isShoal ? gate.fault : undefined;
    if (fault !== undefined) gate.faults += 1;
    serve(upstream, incoming, answer, fault);
  });
  const gate: RegistryGate = {
    host: await serveOnLoopback(t, server),
    fault: undefined,
    faults: 0,
  };
  return gate;
}

function serve(
  upstream: string,
  incoming: IncomingMessage,
  answer: ServerResponse,
  fault: RegistryFault | undefined,
): void {
  switch (fault) {
    case 'down':
      incoming.socket.destroy();
      return;
    case 'hang':
      return;
    case 'unauthorized':
      answer.writeHead(401, { 'www-authenticate': 'Basic realm="gate"' }).end();
      return;
    case 'too-many':
      answer.writeHead(429, { 'retry-after': '1' }).end();
      return;
    case 'error':
      answer.writeHead(500).end('not today');
      return;
    default:
      pass(upstream, incoming, answer, fault === 'lie');
  }
}

function pass(
  upstream: string,
  incoming: IncomingMessage,
  answer: ServerResponse,
  isLie: boolean,
): void {
  passRequest(upstream, incoming, answer, (response) => {
    answer.writeHead(response.statusCode ?? 502, response.headers);
    response.once('error', () => answer.destroy());
    if (!isLie) response.pipe(answer);
    else {
      response.on('data', (part: Buffer) => answer.write(part.map((byte) => byte ^ 0x55)));
      response.once('end', () => answer.end());
    }
  });
}
