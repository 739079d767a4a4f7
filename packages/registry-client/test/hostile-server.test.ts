/** Servers that say back what they were told in confidence: none of it reaches a message. */
import { createServer, type RequestListener } from 'node:http';
import { parseDigest, parseReference, sha256Digest } from '@shoal/oci';
import { openSource } from '@shoal/registry-client';
import { serveOnLoopback } from '@shoal/test-kit';
import t, { type Test } from 'tap';
import { SentSecrets } from '../src/auth/sent-secrets.ts';
import { basicAuth, dockerSetting } from './support/docker-config.ts';

const { auth } = basicAuth('ann', 'hunter2/secret');

function served(t: Test, listener: RequestListener): Promise<string> {
  return serveOnLoopback(t, createServer(listener));
}

async function failureWith(t: Test, listener: RequestListener): Promise<string> {
  const host = await served(t, listener);
  const setting = dockerSetting(t, { config: { auths: { [host]: { auth } } } });
  const reference = parseReference(`${host}/a/b:v1`);
  await using source = await openSource(reference, { ...setting, plainHttp: true });
  const error: unknown = await source.resolve().then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  t.ok(error instanceof Error);
  return error instanceof Error ? `${error.stack} ${JSON.stringify(error)}` : '';
}

const said = (text: unknown) => JSON.stringify({ errors: [{ code: 'DENIED', message: text }] });

t.test('a password in an error body', async (t) => {
  const shown = await failureWith(t, ({ headers: { authorization } }, response) => {
    if (authorization === undefined) response.setHeader('www-authenticate', 'Basic realm="x"');
    const pair = Buffer.from(`${authorization}`.slice(6), 'base64').toString();
    response.writeHead(authorization === undefined ? 401 : 403);
    response.end(said(`no ${pair} from ${authorization}`));
  });
  t.match(shown, /access is denied: "DENIED" "a reason that repeats/);
  t.notMatch(shown, 'hunter2');
  t.notMatch(shown, auth);
});

t.test('a password and a token in the errors of a token service and of its registry', async (t) => {
  const asking = (isServed: boolean): RequestListener => {
    return ({ url, headers: { authorization, host } }, response) => {
      const isToken = url?.startsWith('/token') === true;
      if (isToken && isServed) {
        response.end(JSON.stringify({ token: 'hunter2.token' }));
        return;
      }
      const challenge = `Bearer realm="http://${host}/token"`;
      response.setHeader('www-authenticate', challenge);
      response.writeHead(isToken || authorization !== undefined ? 403 : 401);
      response.end(said(`no ${authorization}`));
    };
  };
  for (const isServed of [false, true]) {
    const shown = await failureWith(t, asking(isServed));
    t.match(shown, /a reason that repeats/);
    t.notMatch(shown, 'hunter2');
    t.notMatch(shown, auth);
  }
});

t.test('a password in a redirect that is not followed, and in a realm', async (t) => {
  const redirected = await failureWith(t, (_request, response) => {
    response.writeHead(307, { location: 'ftp://ann:hunter2@r.example/x?sig=hunter2' }).end();
  });
  t.match(redirected, /Location "r.example\/x"/);
  t.notMatch(redirected, 'hunter2');
  const asked = await failureWith(t, (_request, response) => {
    response.writeHead(401, { 'www-authenticate': 'Bearer realm="ftp://a:hunter2@r.example"' });
    response.end();
  });
  t.match(asked, /token service "r.example" is no URL/);
  t.notMatch(asked, 'hunter2');
});

t.test('a proxy password with a percent sign that escapes nothing', async (t) => {
  const env = { HTTPS_PROXY: 'http://ann:100%hunter2@127.0.0.1:1', HOME: '/nonexistent' };
  await using source = await openSource(parseReference('r.example/a:v1'), {
    env,
    retry: { attemptsMax: 1 },
  });
  const error: unknown = await source.resolve().catch((thrown: unknown) => thrown);
  t.match(error, { code: 'ERR_REGISTRY_CLIENT_UNREACHABLE' });
  t.notMatch(error instanceof Error ? error.stack : '', 'hunter2');
});

t.test('what is withheld', async (t) => {
  const secrets = new SentSecrets();
  t.equal(secrets.withhold('a b'), 'a b');
  secrets.add('');
  t.equal(secrets.withhold('a b'), 'a b');
  secrets.addCredentials({ kind: 'identity-token', token: 'x/y' });
  t.notMatch(secrets.withhold('a x/y'), 'x/y');
  t.notMatch(secrets.withhold('a x%2Fy'), 'x%2Fy');
});

t.test('a list of referrers without an end', async (t) => {
  let pages = 0;
  const listener: RequestListener = ({ url }, response) => {
    pages += 1;
    const manifests = Array.from({ length: 3000 }, () => ({
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      digest: `sha256:${'0'.repeat(64)}`,
      size: 1,
    }));
    response.setHeader('content-type', 'application/vnd.oci.image.index.v1+json');
    response.setHeader('link', `<${url}?n=${pages}>; rel="next"`);
    response.end(JSON.stringify({ schemaVersion: 2, manifests }));
  };
  const host = await served(t, listener);
  await using source = await openSource(parseReference(`${host}/a/b:v1`), { plainHttp: true });
  const found = await source.listReferrers(parseDigest(`sha256:${'1'.repeat(64)}`));
  t.equal(found.length, 6000);
  t.equal(pages, 2);
});

t.test('a range behind which more bytes come', async (t) => {
  const content = Buffer.alloc(100_000, 'shoal');
  const { promise: isCut, resolve: cut } = Promise.withResolvers<void>();
  const host = await served(t, ({ headers }, response) => {
    const [, first = '', last = ''] = /bytes=(\d+)-(\d+)/.exec(headers.range ?? '') ?? [];
    response.writeHead(206, { 'content-range': `bytes ${first}-${last}/${content.length}` });
    response.write(content.subarray(Number(first), Number(last) + 1));
    const more = setInterval(() => response.write('more'), 1);
    response.once('close', () => {
      clearInterval(more);
      cut();
    });
  });
  await using source = await openSource(parseReference(`${host}/a/b:v1`), { plainHttp: true });
  const layer = { mediaType: 'a/b', digest: sha256Digest(content), size: content.length };
  const range = await source.readBlobRange(layer, 1000, 70_000);
  t.ok(range.equals(content.subarray(1000, 71_000)));
  const { buffer } = range;
  if (buffer instanceof ArrayBuffer) structuredClone(buffer, { transfer: [buffer] });
  await isCut;
  t.equal(range.length, 0, 'the bytes are with another thread, and nothing is copied to them');
});
