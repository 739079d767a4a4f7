/** Requests that no runtime sends: they fail, nothing is asked of anybody, and the proxy goes on. */
import { connect } from 'node:net';
import { noiseBytes } from '@shoal/test-kit';
import t from 'tap';
import { PIPELINED_MAX } from '../src/limits.ts';
import { ask, askRaw } from './support/ask.ts';
import { openScene } from './support/proxy-scene.ts';
import { pushImage } from './support/pushed-image.ts';

const HEAD = 'Host: mirror\r\nConnection: close\r\n';

t.test('paths that another program may read differently', async (t) => {
  const { proxy, asked, registry } = await openScene(t);
  await pushImage(`${registry.host}/a/b:v1`, noiseBytes(10, 1));
  asked.length = 0;
  for (const path of [
    '/v2/a/../b/manifests/v1',
    '/v2/a/b/manifests/..',
    '/v2/../v2/a/b/manifests/v1',
    '/v2/a/%2e%2e/b/manifests/v1',
    '/v2/a/b/manifests/%2e%2e',
    '/v2/a%2fb/manifests/v1',
    '/v2/a/b/manifests/v1%00',
    '/v2/a/b/manifests/v1%0d%0aX-A:%20b',
    '/v2/a//b/manifests/v1',
    '//v2/a/b/manifests/v1',
    '/v2/a/./b/manifests/v1',
    '/v2/a\\b/manifests/v1',
    '/v2/a/b/manifests/v1;x',
    '/v2/a/b/manifests/v1#x',
    '/v2/A/b/manifests/v1',
    '/v2/a/b/blobs/sha256:../../../../etc/passwd',
    '/v2/a/b/blobs/uploads/',
    '/v2/_catalog',
    '/v1/search',
    '/metrics',
    `/v2/${'a'.repeat(300)}/manifests/v1`,
    `/v2/a/b/manifests/${'v'.repeat(200)}`,
    `/v2/${'a/'.repeat(1200)}manifests/v1`,
    `/v2/a/b/tags/list?last=${'x'.repeat(5000)}`,
  ]) {
    const answer = await askRaw(proxy.host, `GET ${path} HTTP/1.1\r\n${HEAD}\r\n`);
    t.match(answer, /^HTTP\/1\.1 4\d\d /, path.slice(0, 80));
  }
  t.same(asked, [], 'nothing was asked of the registry');
});

t.test('targets of other kinds of servers', async (t) => {
  const { proxy, asked } = await openScene(t);
  for (const line of [
    'GET * HTTP/1.1',
    'CONNECT 127.0.0.1:22 HTTP/1.1',
    'GET 127.0.0.1:22 HTTP/1.1',
    'PRI * HTTP/2.0',
    'GET /v2/ HTTP/9.9',
    'GE\tT /v2/ HTTP/1.1',
  ]) {
    const answer = await askRaw(proxy.host, `${line}\r\n${HEAD}\r\n`);
    t.match(answer, /^HTTP\/1\.1 4\d\d /, line);
    t.notMatch(answer, /200 OK/);
  }
  t.same(asked, []);
});

t.test('headers that two programs may read differently', async (t) => {
  const { proxy, asked, registry } = await openScene(t);
  await pushImage(`${registry.host}/a/b:v1`, noiseBytes(10, 1));
  asked.length = 0;
  const second = 'GET /v2/a/b/tags/list HTTP/1.1\r\nHost: mirror\r\n\r\n';
  const long = (name: string, length: number) => `${name}: ${'x'.repeat(length)}\r\n`;
  for (const headers of [
    `Content-Length: ${second.length}\r\nTransfer-Encoding: chunked\r\n`,
    'Content-Length: 5\r\nContent-Length: 6\r\n',
    `Content-Length: ${second.length}\r\n`,
    'Transfer-Encoding: chunked\r\n',
    'Transfer-Encoding: xchunked\r\n',
    'Transfer-Encoding : chunked\r\n',
    'Content-Length: +5\r\n',
    'Host: another\r\n',
    'Authorization: Bearer a\r\nAuthorization: Bearer b\r\n',
    'Range: bytes=0-1\r\nRange: bytes=2-3\r\n',
    'X-A: b\rX-C: d\r\n',
    'X-A: b\nX-C: d\r\n',
    'X-A: \0\r\n',
    ' folded: x\r\n',
    'no colon\r\n',
    long('Accept', 30_000),
    long('X-Long', 30_000),
    Array.from({ length: 200 }, (_, index) => `X-${index}: y\r\n`).join(''),
  ]) {
    const text = `GET /v2/a/b/manifests/v1 HTTP/1.1\r\nHost: mirror\r\n${headers}\r\n${second}`;
    const answer = await askRaw(proxy.host, text);
    t.match(answer, /^HTTP\/1\.1 4\d\d /, JSON.stringify(headers.slice(0, 60)));
    t.equal(answer.match(/HTTP\/1\.1 \d/g)?.length, 1, 'what follows is not read');
  }
  const without = await askRaw(proxy.host, 'GET /v2/ HTTP/1.1\r\n\r\n');
  t.match(without, /^HTTP\/1\.1 400 /, 'without Host');
  t.same(asked, [], 'nothing was asked of the registry');
});

t.test('bodies are not waited for', async (t) => {
  const { proxy } = await openScene(t);
  for (const method of ['PUT', 'POST', 'PATCH']) {
    const head = `${method} /v2/a/b/blobs/uploads/ HTTP/1.1\r\nHost: m\r\nContent-Length: 99999999\r\n`;
    t.match(await askRaw(proxy.host, `${head}\r\nabc`), /^HTTP\/1\.1 405 /, method);
    const waiting = await askRaw(proxy.host, `${head}Expect: 100-continue\r\n\r\n`);
    t.match(waiting, /^HTTP\/1\.1 405 /, `${method}, that waits for leave`);
  }
});

t.test('the proxy goes on, and passes no header that it is not to pass', async (t) => {
  const { proxy, ask: get, registry } = await openScene(t);
  const { manifestBytes } = await pushImage(`${registry.host}/a/b:v1`, noiseBytes(10, 1));
  await askRaw(proxy.host, '\0\0\0\0');
  await askRaw(proxy.host, `GET /v2/ HTTP/1.1\r\n${'\r\n'.repeat(3)}`);
  const answer = await get('/v2/a/b/manifests/v1', {
    headers: { host: 'evil.test', 'x-forwarded-host': 'evil.test', upgrade: 'h2c' },
  });
  t.equal(answer.status, 200);
  t.ok(answer.body.equals(manifestBytes));
  t.equal((await ask(proxy.host, '/v2/', { method: 'HEAD' })).status, 200);
});

t.test(
  'one connection has a few answers under way, however many requests it has sent',
  async (t) => {
    const { proxy, registry, ask: get, asked } = await openScene(t);
    const { layer, layerBytes } = await pushImage(
      `${registry.host}/a/b:v1`,
      noiseBytes(2_000_000, 1),
    );
    const path = `/v2/a/b/blobs/${layer.digest}`;
    await get(path, { method: 'HEAD' });
    asked.length = 0;
    const requests = Array.from(
      { length: 200 },
      (_, index) =>
        `GET ${path} HTTP/1.1\r\nHost: mirror\r\nRange: bytes=${index * 10_000}-\r\n\r\n`,
    );
    const answers = await askRaw(proxy.host, requests.join(''));
    t.equal(answers.match(/HTTP\/1\.1 206 /g)?.length, PIPELINED_MAX);
    t.equal(answers.match(/HTTP\/1\.1 429 /g)?.length, 1, 'and then it ends');
    t.ok(asked.length < 10 * PIPELINED_MAX, `${asked.length} reads of the registry`);
    const few = requests.slice(0, PIPELINED_MAX - 1).join('');
    const last = requests.at(0)?.replace('Host: mirror', 'Host: mirror\r\nConnection: close') ?? '';
    const all = await askRaw(proxy.host, few + last);
    t.equal(all.match(/HTTP\/1\.1 206 /g)?.length, PIPELINED_MAX, 'some are no flood');
    t.ok((await get(path)).body.equals(layerBytes), 'others are not harmed');
  },
);

t.test('who sends on and on without reading an answer has its connection ended', async (t) => {
  const { proxy, registry, ask: get } = await openScene(t);
  const { layer } = await pushImage(`${registry.host}/a/b:v1`, noiseBytes(2_000_000, 1));
  const [host = '', port = ''] = proxy.host.split(':');
  const client = connect(Number(port), host);
  t.teardown(() => client.destroy());
  const closed = new Promise<void>((resolve) => client.once('close', () => resolve()));
  client.on('error', () => undefined);
  client.pause();
  const one = `GET /v2/a/b/blobs/${layer.digest} HTTP/1.1\r\nHost: mirror\r\n\r\n`;
  const many = one.repeat(20_000);
  client.write(many);
  client.write(many);
  await closed;
  t.ok(client.destroyed);
  t.equal((await get('/v2/')).status, 200, 'others are not harmed');
});

t.test('a head that does not come to its end ends its connection', async (t) => {
  const { proxy } = await openScene(t);
  const answer = await askRaw(proxy.host, 'GET /v2/ HTTP/1.1\r\nHost: mirror\r\nX-Slow: ');
  t.match(answer, /^HTTP\/1\.1 408 /, 'who was kept from sending it may try again');
});
