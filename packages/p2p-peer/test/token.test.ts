/** Tokens: what is right is granted, everything else is refused by code and never quoted. */
import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { inspect } from 'node:util';
import { errorCode } from '@shoal/errors';
import t, { type Test } from 'tap';
import { parseHostName } from '../src/identity/host.ts';
import { signToken, verifyToken } from '../src/trust/index.ts';
import { CLOCK_SKEW_MS_MAX, TOKEN_LIFE_MS_MAX } from '../src/trust/limits.ts';

const HOST = parseHostName('node-1');
const NOW_MS = 1_800_000_000_000;
const HOUR_MS = 3600_000;
const keys = generateKeyPairSync('ed25519');
const otherKeys = generateKeyPairSync('ed25519');
const { token, expiresAtMs, id } = signToken(
  {
    host: HOST,
    repositories: ['docker.io/library/*', 'r.example:5000/a'],
    nowMs: NOW_MS,
    lifeMs: HOUR_MS,
  },
  keys.privateKey,
);

type Changes = {
  readonly publicKeys?: readonly KeyObject[];
  readonly host?: string;
  readonly nowMs?: number;
};

function check(
  text: string,
  { publicKeys = [keys.publicKey], host = HOST, nowMs = NOW_MS }: Changes = {},
) {
  return verifyToken(text, { publicKeys, host: parseHostName(host), nowMs });
}

/** The code it is refused with; what is thrown must not show any part of a token. */
function refusal(t: Test, text: string, changes: Changes = {}): string | undefined {
  try {
    check(text, changes);
  } catch (error) {
    const shown = `${inspect(error, { depth: 9, showHidden: true })} ${JSON.stringify(error)} ${String(error)}`;
    for (const part of [text, ...text.split('.').slice(1)].filter((part) => part.length > 8)) {
      t.notOk(shown.includes(part.slice(0, 40)), 'no part of the token is shown');
    }
    return errorCode(error);
  }
  return undefined;
}

function signedPayload(payload: string): string {
  const text = Buffer.from(payload).toString('base64url');
  const bytes = Buffer.from(`shoal token v1\n${text}`);
  return `v1.${text}.${sign(null, bytes, keys.privateKey).toString('base64url')}`;
}

t.test('a token grants what it was signed for', async (t) => {
  t.same(check(token), {
    host: HOST,
    repositories: ['docker.io/library/*', 'r.example:5000/a'],
    expiresAtMs,
    id,
  });
  t.equal(expiresAtMs, NOW_MS + HOUR_MS);
});

t.test('several keys are accepted while trackers change', async (t) => {
  t.equal(check(token, { publicKeys: [otherKeys.publicKey, keys.publicKey] }).id, id);
  t.equal(refusal(t, token, { publicKeys: [otherKeys.publicKey] }), 'ERR_P2P_TOKEN_SIGNATURE');
  t.equal(refusal(t, token, { publicKeys: [] }), 'ERR_P2P_TOKEN_SIGNATURE');
});

t.test('its time, give or take a minute', async (t) => {
  const endMs = expiresAtMs + CLOCK_SKEW_MS_MAX;
  t.equal(check(token, { nowMs: endMs }).id, id);
  t.equal(refusal(t, token, { nowMs: endMs + 1 }), 'ERR_P2P_TOKEN_EXPIRED');
  t.equal(check(token, { nowMs: NOW_MS - CLOCK_SKEW_MS_MAX }).id, id);
  t.equal(refusal(t, token, { nowMs: NOW_MS - CLOCK_SKEW_MS_MAX - 1 }), 'ERR_P2P_TOKEN_NOT_YET');
});

t.test('another host gets nothing by it, before its end or after', async (t) => {
  t.equal(refusal(t, token, { host: 'node-2' }), 'ERR_P2P_TOKEN_OTHER_HOST');
  t.equal(refusal(t, token, { host: 'node-10' }), 'ERR_P2P_TOKEN_OTHER_HOST');
  const nowMs = expiresAtMs + 2 * CLOCK_SKEW_MS_MAX;
  t.equal(refusal(t, token, { host: 'NODE-1', nowMs }), 'ERR_P2P_TOKEN_OTHER_HOST');
  t.equal(refusal(t, token, { nowMs }), 'ERR_P2P_TOKEN_EXPIRED');
});

t.test('no character of it may differ', async (t) => {
  for (let index = 0; index < token.length; index += 1) {
    const other = token[index] === 'A' ? 'B' : 'A';
    const changed = token.slice(0, index) + other + token.slice(index + 1);
    t.match(refusal(t, changed), /^ERR_P2P_TOKEN_(MALFORMED|SIGNATURE)$/);
  }
});

t.test('what is truncated, padded or huge is refused', async (t) => {
  for (let length = 0; length < token.length; length += 1) {
    t.match(refusal(t, token.slice(0, length)), /^ERR_P2P_TOKEN_(MALFORMED|SIGNATURE)$/);
  }
  for (const text of [
    `${token}=`,
    `${token} `,
    ` ${token}`,
    `${token}.`,
    `${token}\n`,
    `V${token.slice(1)}`,
  ]) {
    t.equal(refusal(t, text), 'ERR_P2P_TOKEN_MALFORMED', JSON.stringify(text.slice(-3)));
  }
  t.equal(refusal(t, `v1.${'A'.repeat(1 << 24)}.${'A'.repeat(86)}`), 'ERR_P2P_TOKEN_MALFORMED');
  t.equal(refusal(t, '.'.repeat(5000)), 'ERR_P2P_TOKEN_MALFORMED');
});

t.test('a payload has one form only, although its signature is right', async (t) => {
  const payload = { h: 'node-1', r: ['*'], n: NOW_MS, e: NOW_MS + 1000, i: '0123456789abcdef' };
  const { h, r, n, e, i } = payload;
  t.equal(check(signedPayload(JSON.stringify(payload))).id, i);
  const wrong = [
    JSON.stringify(payload, undefined, 1),
    JSON.stringify({ r, h, n, e, i }),
    JSON.stringify({ ...payload, x: 1 }),
    JSON.stringify({ h, r, n, e }),
    JSON.stringify({ ...payload, r: ['a/b*'] }),
    JSON.stringify({ ...payload, r: ['a/../b'] }),
    JSON.stringify({ ...payload, r: Array.from({ length: 65 }, () => '*') }),
    JSON.stringify({ ...payload, e: n + TOKEN_LIFE_MS_MAX + 1 }),
    JSON.stringify({ ...payload, e: n }),
    JSON.stringify({ ...payload, e: 1e300 }),
    JSON.stringify({ ...payload, n: -1 }),
    '{"__proto__":{"h":"node-1"}}',
    'null',
    '{',
  ];
  for (const text of wrong)
    t.equal(refusal(t, signedPayload(text)), 'ERR_P2P_TOKEN_MALFORMED', text.slice(0, 60));
});

t.test('a signature of something else that the key has signed is none', async (t) => {
  const [, payload = ''] = token.split('.');
  const bare = sign(null, Buffer.from(payload), keys.privateKey).toString('base64url');
  t.equal(refusal(t, `v1.${payload}.${bare}`), 'ERR_P2P_TOKEN_SIGNATURE');
  const hashed = sign(null, createHash('sha256').update(payload).digest(), keys.privateKey);
  t.equal(refusal(t, `v1.${payload}.${hashed.toString('base64url')}`), 'ERR_P2P_TOKEN_SIGNATURE');
});

t.test('a grant that no token can carry is not signed', async (t) => {
  const grant = { host: HOST, repositories: ['*'], nowMs: NOW_MS, lifeMs: HOUR_MS };
  const wrong = [
    { ...grant, lifeMs: 0 },
    { ...grant, lifeMs: Number.NaN },
    { ...grant, lifeMs: TOKEN_LIFE_MS_MAX + 1 },
    { ...grant, repositories: ['a/b*'] },
    { ...grant, repositories: Array.from({ length: 65 }, () => '*') },
    {
      ...grant,
      repositories: Array.from({ length: 60 }, (_, n) => `registry.example/${n}${'x'.repeat(200)}`),
    },
  ];
  for (const request of wrong) {
    t.throws(() => signToken(request, keys.privateKey), { code: 'ERR_P2P_GRANT' });
  }
});
