/**
 * Bearer tokens from a registry's token service: an anonymous or basic GET, or an OAuth2 POST with a
 * refresh token. Spec: distribution "Token authentication" and "OAuth2".
 */
import { quoted } from '@shoal/oci';
import * as z from 'zod';
import { ProtocolError, RedirectError } from '../errors.ts';
import { bodyPieces, discardBody } from '../http/body-pieces.ts';
import type { Exchange } from '../http/exchange.ts';
import { describeErrorBody, requestFailure, statusFailure } from '../http/failure.ts';
import type { HttpAnswer, HttpRequest } from '../http/messages.ts';
import { isLoopbackHost } from '../http/proxy-environment.ts';
import { type RetryPolicy, withRetry } from '../http/retry.ts';
import {
  ERROR_BODY_BYTES_MAX,
  TOKEN_ANSWER_BYTES_MAX,
  TOKEN_LIFETIME_DEFAULT_MS,
} from '../limits.ts';
import { collectBounded } from '../verify.ts';
import type { Credentials } from './credential-source.ts';
import type { SentSecrets } from './sent-secrets.ts';

const tokenSchema = z.looseObject({
  token: z.string().optional(),
  access_token: z.string().optional(),
  expires_in: z.number().optional(),
});

export type Token = {
  readonly value: string;
  /** On the clock of `performance.now()`. */
  readonly expiresAtMs: number;
};

export type TokenRequest = {
  readonly realm: string;
  readonly service: string | undefined;
  readonly scopes: readonly string[];
  readonly credentials: Credentials | undefined;
  /** The registry that asked; a secret is not sent in the clear unless it speaks plain HTTP itself. */
  readonly registryUrl: URL;
  readonly secrets: SentSecrets;
};

export async function fetchToken(
  exchange: Exchange,
  policy: RetryPolicy,
  request: TokenRequest,
  signal: AbortSignal | undefined,
): Promise<Token> {
  const realm = checkRealm(request);
  const { registryUrl } = request;
  const mayBeLocal = realm.origin === registryUrl.origin || exchange.isLocal(registryUrl);
  const http = { ...tokenHttpRequest(realm, request, signal), mayBeLocal };
  const where = `token service ${realm.origin}`;
  return withRetry(policy, signal, async (attempt) => {
    const answer = await exchange.send(http, attempt);
    if (answer.status !== 200) throw await tokenFailure(answer, where, request.secrets);
    return decodeToken(await readAnswer(answer, where, signal), where);
  });
}

function checkRealm({ realm, registryUrl, credentials }: TokenRequest): URL {
  const url = URL.parse(realm);
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw new ProtocolError(
      `${registryUrl.origin}: its token service ${quoted(realm.slice(realm.lastIndexOf('@') + 1))} is no URL`,
      {
        remedy: 'ask whoever runs the registry',
      },
    );
  }
  const isClear = url.protocol === 'http:' && !isLoopbackHost(url.hostname);
  if (isClear && credentials !== undefined && registryUrl.protocol === 'https:') {
    throw new RedirectError(
      `${registryUrl.origin}: its token service would get the password in the clear`,
      {
        remedy: 'ask whoever runs the registry to give an https realm',
      },
    );
  }
  return url;
}

function tokenHttpRequest(
  realm: URL,
  request: TokenRequest,
  signal: AbortSignal | undefined,
): HttpRequest {
  const { service, scopes, credentials } = request;
  if (credentials?.kind === 'identity-token') {
    const form = new URLSearchParams({
      grant_type: 'refresh_token',
      client_id: 'shoal',
      refresh_token: credentials.token,
      ...(service === undefined ? {} : { service }),
      scope: scopes.join(' '),
    });
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    return { method: 'POST', url: realm, headers, body: Buffer.from(form.toString()), signal };
  }
  const url = new URL(realm);
  if (service !== undefined) url.searchParams.set('service', service);
  for (const scope of scopes) url.searchParams.append('scope', scope);
  if (credentials?.kind !== 'password') return { method: 'GET', url, signal };
  url.searchParams.set('account', credentials.username);
  return { method: 'GET', url, headers: { authorization: basicHeader(credentials) }, signal };
}

export function basicHeader(credentials: { username: string; password: string }): string {
  const pair = `${credentials.username}:${credentials.password}`;
  return `Basic ${Buffer.from(pair, 'utf8').toString('base64')}`;
}

async function tokenFailure(
  answer: HttpAnswer,
  where: string,
  secrets: SentSecrets,
): Promise<unknown> {
  const { status, headers } = answer;
  let detail = '';
  try {
    const body = await collectBounded(bodyPieces(answer), ERROR_BODY_BYTES_MAX, where);
    detail = describeErrorBody(body, (text) => secrets.withhold(text));
  } catch {
    await discardBody(answer);
  }
  return statusFailure({ where, status, headers, detail });
}

async function readAnswer(
  answer: HttpAnswer,
  where: string,
  signal: AbortSignal | undefined,
): Promise<Buffer> {
  try {
    return await collectBounded(bodyPieces(answer), TOKEN_ANSWER_BYTES_MAX, where);
  } catch (error) {
    throw requestFailure(error, where, signal);
  }
}

function decodeToken(body: Buffer, where: string): Token {
  try {
    const answer = tokenSchema.parse(JSON.parse(body.toString('utf8')));
    const value = answer.token || answer.access_token;
    if (value === undefined || !/^[\x21-\x7e]+$/.test(value)) throw new Error('no token');
    const lifetimeMs = answer.expires_in === undefined ? 0 : answer.expires_in * 1000;
    const usableMs = lifetimeMs > 0 ? lifetimeMs : TOKEN_LIFETIME_DEFAULT_MS;
    return { value, expiresAtMs: performance.now() + usableMs };
  } catch {
    throw new ProtocolError(`${where}: the answer holds no token`, {
      remedy: 'ask whoever runs the registry',
    });
  }
}
