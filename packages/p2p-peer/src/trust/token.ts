/**
 * Tokens: `v1.<payload>.<signature>`, both parts base64url without padding; the payload is JSON in one
 * form only, the signature Ed25519 (RFC 8032) over a label and the payload's text. Nothing of a payload is believed,
 * nor parsed, before its signature is right.
 */
import { type KeyObject, randomBytes, sign, verify } from 'node:crypto';
import { z } from 'zod';
import { type HostName, parseHostName } from '../identity/host.ts';
import { jsonOf } from '../json-of.ts';
import {
  GrantError,
  TokenExpiredError,
  TokenMalformedError,
  TokenNotYetError,
  TokenOtherHostError,
  TokenSignatureError,
} from './errors.ts';
import { type Grant, isRepositoryRule } from './grant.ts';
import {
  CLOCK_SKEW_MS_MAX,
  TOKEN_CHARACTERS_MAX,
  TOKEN_KEYS_MAX,
  TOKEN_LIFE_MS_MAX,
  TOKEN_REPOSITORIES_MAX,
} from './limits.ts';

export type TokenRequest = {
  readonly host: HostName;
  readonly repositories: readonly string[];
  readonly nowMs: number;
  readonly lifeMs: number;
};

export type SignedToken = {
  /** A secret. */
  readonly token: string;
  readonly expiresAtMs: number;
  readonly id: string;
};

export type TokenCheck = {
  /** Of every tracker that signs: the old and the new one while they change. */
  readonly publicKeys: readonly KeyObject[];
  /** As the certificate of the one that shows the token says. */
  readonly host: HostName;
  readonly nowMs: number;
};

const LABEL = 'shoal token v1\n';
const SHAPE = /^v1\.([A-Za-z0-9_-]{1,6000})\.([A-Za-z0-9_-]{86})$/;

/** Names as short as they are because tokens travel in addresses. Times in milliseconds since 1970. */
const payloadSchema = z.strictObject({
  h: z.string().max(253),
  r: z.array(z.string().refine(isRepositoryRule)).max(TOKEN_REPOSITORIES_MAX),
  n: z.int().nonnegative(),
  e: z.int().nonnegative(),
  i: z.string().regex(/^[0-9a-f]{16}$/),
});
type Payload = z.infer<typeof payloadSchema>;

/** Throws `ERR_P2P_GRANT`. */
export function signToken(request: TokenRequest, privateKey: KeyObject): SignedToken {
  const { host, repositories, nowMs, lifeMs } = request;
  if (!(lifeMs > 0 && lifeMs <= TOKEN_LIFE_MS_MAX)) throw new GrantError(`a life of ${lifeMs} ms`);
  if (repositories.length > TOKEN_REPOSITORIES_MAX) throw new GrantError('too many repositories');
  if (!repositories.every(isRepositoryRule)) throw new GrantError('a repository is malformed');
  const n = Math.floor(nowMs);
  const e = Math.floor(nowMs + lifeMs);
  const i = randomBytes(8).toString('hex');
  const payload = encodePayload({ h: host, r: [...repositories], n, e, i });
  const signature = sign(null, signedBytes(payload), privateKey).toString('base64url');
  const token = `v1.${payload}.${signature}`;
  if (token.length > TOKEN_CHARACTERS_MAX) throw new GrantError('its repositories are too long');
  return { token, expiresAtMs: e, id: i };
}

/**
 * What the token grants to this host now. Throws `ERR_P2P_TOKEN_MALFORMED`, `_SIGNATURE`,
 * `_OTHER_HOST`, `_EXPIRED`, `_NOT_YET`.
 */
export function verifyToken(text: string, { publicKeys, host, nowMs }: TokenCheck): Grant {
  const { h, r, n, e, i } = verifiedPayload(text, publicKeys);
  if (h !== host) throw new TokenOtherHostError(host);
  if (e <= n || e - n > TOKEN_LIFE_MS_MAX)
    throw new TokenMalformedError('its times are impossible');
  if (nowMs > e + CLOCK_SKEW_MS_MAX) throw new TokenExpiredError(nowMs - e);
  if (nowMs < n - CLOCK_SKEW_MS_MAX) throw new TokenNotYetError(n - nowMs);
  return { host: parseHostName(h), repositories: r, expiresAtMs: e, id: i };
}

function verifiedPayload(text: string, publicKeys: readonly KeyObject[]): Payload {
  if (text.length > TOKEN_CHARACTERS_MAX) throw new TokenMalformedError('it is too long');
  const match = SHAPE.exec(text);
  const payload = match?.[1];
  const signatureText = match?.[2];
  if (payload === undefined || signatureText === undefined) {
    throw new TokenMalformedError('it has not three parts');
  }
  const signature = Buffer.from(signatureText, 'base64url');
  // The last letter has bits that no byte takes: another letter there would be the same signature.
  if (signature.toString('base64url') !== signatureText) {
    throw new TokenMalformedError('its signature is not canonical');
  }
  const bytes = signedBytes(payload);
  const keys = publicKeys.slice(0, TOKEN_KEYS_MAX);
  if (!keys.some((key) => verify(null, bytes, key, signature))) throw new TokenSignatureError();
  return decodePayload(payload);
}

function signedBytes(payload: string): Buffer {
  return Buffer.from(LABEL + payload, 'latin1');
}

function encodePayload({ h, r, n, e, i }: Payload): string {
  return Buffer.from(JSON.stringify({ h, r, n, e, i })).toString('base64url');
}

function decodePayload(text: string): Payload {
  const result = payloadSchema.safeParse(jsonOf(Buffer.from(text, 'base64url')));
  if (!result.success) throw new TokenMalformedError('its payload is none');
  if (encodePayload(result.data) !== text) throw new TokenMalformedError('it is not canonical');
  return result.data;
}
