/**
 * A token service as the distribution registry expects one: anonymous or basic GET, refresh-token
 * POST, tokens signed with RS256.
 */
import { createPrivateKey, randomUUID, sign, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { closeServer, listenOnLoopback } from '../loopback-server.ts';
import { selfSigned } from './certificates.ts';

export const TOKEN_ISSUER = 'shoal-test-issuer';
export const TOKEN_SERVICE = 'shoal-test-registry';

export type TokenServerOptions = {
  /** Users by name. Who is not listed gets pull rights only. */
  readonly users: Readonly<Record<string, string>>;
  /** Refuse requests without credentials. @default false */
  readonly noAnonymous?: boolean;
  /** @default 300 */
  readonly lifetimeSeconds?: number;
};

export class TokenServer {
  readonly realm: string;
  readonly certificateFile: string;
  /** One entry per request: method and query, or the form of a POST. */
  readonly requests: string[];
  readonly #server: Server;

  private constructor(realm: string, certificateFile: string, requests: string[], server: Server) {
    this.realm = realm;
    this.certificateFile = certificateFile;
    this.requests = requests;
    this.#server = server;
  }

  static async listen(directory: string, options: TokenServerOptions): Promise<TokenServer> {
    const certificateFile = join(directory, 'token.pem');
    const keyFile = join(directory, 'token.key');
    selfSigned(certificateFile, keyFile, TOKEN_ISSUER);
    const requests: string[] = [];
    const issue = tokenIssuer(certificateFile, keyFile, options.lifetimeSeconds ?? 300);
    const server = createServer((request, response) => {
      void answer(request, response, { options, requests, issue });
    });
    const port = await listenOnLoopback(server);
    return new TokenServer(`http://127.0.0.1:${port}/token`, certificateFile, requests, server);
  }

  close(): Promise<void> {
    return closeServer(this.#server);
  }
}

type Parts = {
  readonly options: TokenServerOptions;
  readonly requests: string[];
  readonly issue: (user: string | undefined, scopes: readonly string[]) => object;
};

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { options, requests, issue }: Parts,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://token.invalid');
  let query = url.searchParams;
  if (request.method === 'POST') {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece);
    query = new URLSearchParams(Buffer.concat(pieces).toString('utf8'));
  }
  requests.push(`${request.method} ${query}`);
  const user = userOf(request, query, options);
  if (user === 'refused' || (user === undefined && options.noAnonymous === true)) {
    response.writeHead(401, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ errors: [{ code: 'UNAUTHORIZED', message: 'who are you' }] }));
    return;
  }
  const scopes = query.getAll('scope').flatMap((scope) => scope.split(' '));
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify(issue(user, scopes)));
}

function userOf(
  request: IncomingMessage,
  query: URLSearchParams,
  { users }: TokenServerOptions,
): string | undefined | 'refused' {
  if (request.method === 'POST') {
    const user = /^refresh-(.+)$/.exec(query.get('refresh_token') ?? '')?.[1];
    return user !== undefined && user in users ? user : 'refused';
  }
  const basic = /^Basic (.+)$/.exec(request.headers.authorization ?? '')?.[1];
  if (basic === undefined) return undefined;
  const [user = '', password = ''] = Buffer.from(basic, 'base64').toString('utf8').split(':');
  return users[user] === password ? user : 'refused';
}

function tokenIssuer(certificateFile: string, keyFile: string, lifetimeSeconds: number) {
  const key = createPrivateKey(readFileSync(keyFile));
  const { raw } = new X509Certificate(readFileSync(certificateFile));
  const header = { typ: 'JWT', alg: 'RS256', x5c: [raw.toString('base64')] };
  return (user: string | undefined, scopes: readonly string[]) => {
    const nowSeconds = Math.floor(Date.now() / 1000);
    const claims = {
      iss: TOKEN_ISSUER,
      sub: user ?? '',
      aud: TOKEN_SERVICE,
      nbf: nowSeconds - 10,
      iat: nowSeconds,
      exp: nowSeconds + lifetimeSeconds,
      jti: randomUUID(),
      access: scopes.map((scope) => accessOf(scope, user)).filter((access) => access !== undefined),
    };
    const signed = `${encode(header)}.${encode(claims)}`;
    const signature = sign('RSA-SHA256', Buffer.from(signed), key).toString('base64url');
    return { token: `${signed}.${signature}`, expires_in: lifetimeSeconds };
  };
}

function accessOf(scope: string, user: string | undefined) {
  const [, type, name, actions] = /^([^:]+):(.+):([^:]+)$/.exec(scope) ?? [];
  if (type === undefined || actions === undefined) return undefined;
  const wanted = actions.split(',');
  return { type, name, actions: user === undefined ? wanted.filter((a) => a === 'pull') : wanted };
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
