/** Requests to a server of a test, byte by byte where that matters. */
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { connect } from 'node:net';

export type Answer = {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** False when the connection ended before the body did. */
  readonly isWhole: boolean;
};

export type AskOptions = {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
};

/** Sends one request on a connection of its own. `host` is `127.0.0.1:PORT`. */
export function ask(host: string, path: string, options: AskOptions = {}): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const { hostname, port } = new URL(`http://${host}`);
  const { method = 'GET', headers = {} } = options;
  const request = httpRequest({ hostname, port, path, method, headers, agent: false });
  request.on('error', reject);
  request.on('response', (response) => {
    const pieces: Buffer[] = [];
    response.on('data', (piece: Buffer) => pieces.push(piece));
    response.on('error', () => undefined);
    response.on('close', () => {
      const { statusCode: status = 0, complete } = response;
      resolve({
        status,
        headers: response.headers,
        body: Buffer.concat(pieces),
        isWhole: complete,
      });
    });
  });
  request.end();
  return promise;
}

/** Sends these bytes and gives everything that comes until the server ends the connection. */
export function askRaw(host: string, text: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const { hostname, port } = new URL(`http://${host}`);
  const socket = connect(Number(port), hostname, () => socket.write(text));
  const pieces: Buffer[] = [];
  socket.on('data', (piece) => pieces.push(piece));
  socket.on('error', () => undefined);
  socket.on('close', () => resolve(Buffer.concat(pieces).toString('latin1')));
  return promise;
}

/** The code in an error body of the specification. */
export function errorCodeIn({ body }: Answer): string {
  const match = /"code":\s*"([A-Z_]+)"/.exec(body.toString('utf8'));
  return match?.[1] ?? 'none';
}
