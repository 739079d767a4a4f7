/**
 * Clients that take the mirror for their forward proxy: the host of the URL chooses an upstream and nothing
 * else. Nobody is contacted because a URL names him, and no access rule is another one.
 */
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { EmbeddedRegistry } from '@shoal/registry-client/embedded';
import { RegistryProxy } from '@shoal/registry-proxy';
import { closeServer, listenOnLoopback, noiseBytes } from '@shoal/test-kit';
import t from 'tap';
import { ask, askRaw, errorCodeIn } from './support/ask.ts';
import { openScene } from './support/proxy-scene.ts';
import { pushImage } from './support/pushed-image.ts';

const MANIFEST = '/v2/a/b/manifests/v1';

t.test('the host of the URL chooses the upstream', async (t) => {
  const names = ['docker.io', 'ghcr.io', 'registry.example:5000'];
  const contents = new Map<string, Buffer>();
  const upstreams = [];
  for (const [index, name] of names.entries()) {
    const registry = await EmbeddedRegistry.listen();
    t.teardown(() => registry.close());
    const image = await pushImage(
      `${registry.host}/library/app:v1`,
      noiseBytes(100 + index, index),
    );
    contents.set(name, image.manifestBytes);
    upstreams.push({ name, address: `http://${registry.host}` });
  }
  const proxy = await RegistryProxy.listen({ port: 0, upstreams });
  t.teardown(() => proxy.close());
  for (const [target, name] of [
    ['http://docker.io/v2/library/app/manifests/v1', 'docker.io'],
    ['http://registry-1.docker.io/v2/library/app/manifests/v1', 'docker.io'],
    ['http://docker.io/v2/app/manifests/v1', 'docker.io'],
    ['http://ghcr.io/v2/library/app/manifests/v1', 'ghcr.io'],
    ['HTTP://GHCR.io/v2/library/app/manifests/v1', 'ghcr.io'],
    ['http://registry.example:5000/v2/library/app/manifests/v1', 'registry.example:5000'],
  ] as const) {
    const answer = await ask(proxy.host, target, { headers: { host: 'docker.io' } });
    t.equal(answer.status, 200, target);
    t.equal(answer.headers['x-shoal-upstream'], name);
    t.ok(answer.body.equals(contents.get(name) ?? Buffer.of()), 'its content');
  }
  const within = await ask(proxy.host, 'http://ghcr.io/v2/docker.io/library/app/manifests/v1');
  t.equal(within.headers['x-shoal-upstream'], 'ghcr.io', 'no path leads elsewhere');
  t.equal(within.status, 404);
});

t.test('nobody else is contacted', async (t) => {
  const { proxy, asked, registry } = await openScene(t);
  await pushImage(`${registry.host}/a/b:v1`, noiseBytes(10, 1));
  asked.length = 0;
  const contacts: string[] = [];
  const stranger = createServer(({ url = '' }, response) => {
    contacts.push(url);
    response.end('stranger');
  });
  const port = await listenOnLoopback(stranger);
  t.teardown(() => closeServer(stranger));
  const refused: readonly (readonly [string, number])[] = [
    [`http://127.0.0.1:${port}/`, 404],
    [`http://127.0.0.1:${port}${MANIFEST}`, 501],
    [`http://localhost:${port}${MANIFEST}`, 501],
    [`http://${registry.host}${MANIFEST}`, 501],
    [`http://${proxy.host}${MANIFEST}`, 501],
    ['http://169.254.169.254/latest/meta-data', 404],
    [`http://169.254.169.254${MANIFEST}`, 501],
    [`http://[fe80::1]${MANIFEST}`, 400],
    [`http://[::1]:${port}${MANIFEST}`, 400],
    [`http://[::ffff:127.0.0.1]:${port}${MANIFEST}`, 400],
    [`http://2130706433:${port}${MANIFEST}`, 501],
    [`http://0x7f.1:${port}${MANIFEST}`, 501],
    [`http://registry.test:${port}${MANIFEST}`, 501],
    [`http://registry.test:80${MANIFEST}`, 501],
    [`http://registry.test:443${MANIFEST}`, 501],
    [`http://registry.test:${MANIFEST}`, 400],
    [`http://registry.test:0080${MANIFEST}`, 501],
    [`http://registry.test.${MANIFEST}`, 501],
    [`http://registry.test..${MANIFEST}`, 501],
    [`http://.registry.test${MANIFEST}`, 501],
    [`http://evil.registry.test${MANIFEST}`, 501],
    [`http://registry.test.evil${MANIFEST}`, 501],
    [`http://user@registry.test${MANIFEST}`, 400],
    [`http://user:secret@registry.test${MANIFEST}`, 400],
    [`http://registry.test@127.0.0.1:${port}${MANIFEST}`, 400],
    [`http://registry.test:80@127.0.0.1:${port}${MANIFEST}`, 400],
    [`http://registry%2etest${MANIFEST}`, 400],
    [`http://registry.test%00${MANIFEST}`, 400],
    [`http://registry.test#@127.0.0.1:${port}${MANIFEST}`, 400],
    [`http://registry.test\\@127.0.0.1:${port}${MANIFEST}`, 400],
    [`http://registry.test?x=${MANIFEST}`, 400],
    [`http:registry.test${MANIFEST}`, 400],
    [`http:/registry.test${MANIFEST}`, 400],
    [`http:///registry.test${MANIFEST}`, 400],
    [`http://registry.test`, 400],
    [`http://${MANIFEST}`, 400],
    [`https://registry.test${MANIFEST}`, 501],
    [`HTTPS://registry.test${MANIFEST}`, 501],
    [`ftp://registry.test${MANIFEST}`, 400],
    [`file:///etc/passwd`, 400],
    [`http://registry.test${MANIFEST}?ns=registry.test`, 400],
    [`http://registry.test${MANIFEST}?ns=127.0.0.1:${port}`, 400],
    [`http://registry.test/v2/a/../b/manifests/v1`, 400],
    [`http://registry.test/v2/a/%2e%2e/b/manifests/v1`, 400],
    [`http://registry.test//v2/a/b/manifests/v1`, 400],
    [`http://registry.test/v2/a%2fb/manifests/v1`, 400],
    [`http://registry.test/http://127.0.0.1:${port}/`, 400],
    [`http://registry.test/metrics`, 404],
    [`http://registry.test/healthz`, 404],
    [`http://registry.test/v2/_catalog`, 404],
    [`http://registry.test/v2/${'a/'.repeat(1200)}manifests/v1`, 414],
    [`//registry.test${MANIFEST}`, 400],
  ];
  for (const [target, status] of refused) {
    const text = `GET ${target} HTTP/1.1\r\nHost: registry.test\r\nConnection: close\r\n\r\n`;
    const answer = await askRaw(proxy.host, text);
    // What Node's own parser refuses has no body.
    t.match(answer, new RegExp(`^HTTP/1\\.1 (?:${status}|400) `), target.slice(0, 80));
    t.notMatch(answer, /stranger|secret/);
  }
  t.same(contacts, []);
  t.same(asked, [], 'nor was the registry');
});

t.test('what is refused says why', async (t) => {
  const { proxy } = await openScene(t);
  const elsewhere = await ask(proxy.host, `http://quay.io${MANIFEST}`);
  t.equal(errorCodeIn(elsewhere), 'NAME_UNKNOWN');
  const tls = await ask(proxy.host, `https://registry.test${MANIFEST}`);
  t.match(tls.body.toString(), /use_http/);
  const tunnel = await askRaw(
    proxy.host,
    'CONNECT registry.test:443 HTTP/1.1\r\nHost: registry.test:443\r\n\r\nGET /v2/ HTTP/1.1\r\nHost: a\r\n\r\n',
  );
  t.match(tunnel, /^HTTP\/1\.1 405 /);
  t.match(tunnel, /^allow: GET, HEAD\r$/im);
  t.match(tunnel, /use_http/);
  t.equal(tunnel.match(/HTTP\/1\.1 \d/g)?.length, 1, 'what follows is not read');
});

t.test('access rules are those of every request', async (t) => {
  const seen: IncomingHttpHeaders[] = [];
  const server = createServer(({ headers }, response) => {
    seen.push(headers);
    response.statusCode = headers.authorization === undefined ? 401 : 404;
    response.setHeader('www-authenticate', 'Basic realm="those who may"');
    response.end();
  });
  const address = `http://127.0.0.1:${await listenOnLoopback(server)}`;
  t.teardown(() => closeServer(server));
  const proxy = await RegistryProxy.listen({
    port: 0,
    upstreams: [{ name: 'registry.test', address }],
  });
  t.teardown(() => proxy.close());
  const target = `http://registry.test${MANIFEST}`;
  const challenged = await ask(proxy.host, target);
  t.equal(challenged.status, 401);
  t.match(challenged.headers['www-authenticate'], /those who may/);
  const headers = {
    authorization: 'Basic YW5uOnNlY3JldA==',
    'proxy-authorization': 'Basic cHJveHk6c2VjcmV0',
    'proxy-connection': 'keep-alive',
  };
  t.equal((await ask(proxy.host, target, { headers })).status, 404);
  t.equal(seen.at(-1)?.authorization, headers.authorization);
  t.notMatch(JSON.stringify(seen), /proxy-/, 'what is for a proxy goes no further');
  const count = seen.length;
  const via = { 'x-shoal-via': `${seen.at(-1)?.['x-shoal-via']}` };
  t.equal((await ask(proxy.host, target, { headers: via })).status, 508, 'in a circle');
  t.equal((await ask(proxy.host, target, { method: 'PUT' })).status, 405);
  t.equal((await ask(proxy.host, target, { method: 'POST' })).status, 405);
  t.equal(seen.length, count);
});

t.test('programs of this host only, where that is the rule', async (t) => {
  const { proxy, registry } = await openScene(t, { upstream: { mode: 'node' } });
  await pushImage(`${registry.host}/a/b:v1`, noiseBytes(10, 1));
  const target = `http://registry.test${MANIFEST}`;
  t.equal((await ask(proxy.host, target)).status, 200);
  for (const name of ['via', 'forwarded', 'x-forwarded-for', 'x-real-ip']) {
    const answer = await ask(proxy.host, target, { headers: { [name]: '1.1 other' } });
    t.equal(answer.status, 403, `with ${name}`);
  }
  const page = await ask(proxy.host, MANIFEST, { headers: { host: 'registry.test' } });
  t.equal(page.status, 403, 'a page whose name leads here sends no URL');
});

t.test('pages of tags lead on below the same host', async (t) => {
  const { proxy, registry } = await openScene(t);
  for (const tag of ['a', 'b', 'c'])
    await pushImage(`${registry.host}/a/b:${tag}`, noiseBytes(9, 1));
  const first = await ask(proxy.host, 'http://registry.test/v2/a/b/tags/list?n=2');
  t.match(first.headers['link'], /^<\/v2\/a\/b\/tags\/list\?[^>]*last=b[^>]*>; rel="next"$/);
});

t.test('whether the mirror is well is no question to a registry', async (t) => {
  const { proxy, wire } = await openScene(t);
  await wire.close();
  t.equal((await ask(proxy.host, '/healthz')).status, 200);
  t.same(wire.seen, []);
});
