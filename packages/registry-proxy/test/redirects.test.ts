/** Blobs in an object store: redirects are followed to public addresses and those that are allowed. */
import { createServer, request } from 'node:http';
import { EmbeddedRegistry } from '@shoal/registry-client/embedded';
import { RegistryProxy } from '@shoal/registry-proxy';
import { noiseBytes, PresigningProxy, serveOnLoopback } from '@shoal/test-kit';
import t, { type Test } from 'tap';
import { ask } from './support/ask.ts';
import { pushImage } from './support/pushed-image.ts';

async function openStore(t: Test) {
  const registry = await EmbeddedRegistry.listen();
  t.teardown(() => registry.close());
  const image = await pushImage(`${registry.host}/a/b:v1`, noiseBytes(5_000_000, 1));
  const front = await PresigningProxy.listen(t, registry.host);
  const location = await ask(front.host, `/v2/a/b/blobs/${image.layer.digest}`);
  const { host } = new URL(`${location.headers['location']}`);
  front.redirects = 0;
  return { ...image, front, storeHost: host, path: `/v2/a/b/blobs/${image.layer.digest}` };
}

async function openProxy(t: Test, address: string, redirectHosts: readonly string[] = []) {
  const proxy = await RegistryProxy.listen({
    port: 0,
    upstreams: [{ name: 'registry.test', address, redirectHosts }],
  });
  t.teardown(() => proxy.close());
  return proxy;
}

t.test('a redirect is followed once for many reads, without the authorization', async (t) => {
  const { front, storeHost, path, layerBytes } = await openStore(t);
  const { host } = await openProxy(t, `http://${front.host}`, [storeHost]);
  const headers = { authorization: 'Basic YTpi' };
  for (let time = 0; time < 3; time++) {
    const answer = await ask(host, path, { headers });
    t.equal(answer.status, 200);
    t.ok(answer.body.equals(layerBytes));
  }
  const range = await ask(host, path, { headers: { ...headers, range: 'bytes=-100' } });
  t.ok(range.body.equals(layerBytes.subarray(-100)));
  t.equal(front.redirects, 1);
  front.expireAll();
  t.ok(
    (await ask(host, path, { headers })).body.equals(layerBytes),
    'one that has ended is renewed',
  );
  t.same(front.leaked, []);
});

t.test('not to a private address that is not allowed', async (t) => {
  const { front, path } = await openStore(t);
  const { host } = await openProxy(t, `http://${front.host}`);
  for (const method of ['GET', 'GET']) {
    const answer = await ask(host, path, { method });
    t.equal(answer.status, 502);
    t.match(answer.body.toString(), /led to an address that is not public/);
  }
  t.equal(front.served, 0);
});

t.test('whatever the address is written like', async (t) => {
  const inside: string[] = [];
  const target = createServer(({ url }, response) => {
    inside.push(url ?? '');
    response.end('{"secret":true}');
  });
  const { port } = new URL(`http://${await serveOnLoopback(t, target)}`);
  let location = '';
  const evil = createServer((_, response) => {
    response.writeHead(307, { location });
    response.end();
  });
  const { host } = await openProxy(t, `http://${await serveOnLoopback(t, evil)}`);
  const digest = `sha256:${'a'.repeat(64)}`;
  for (const name of [
    '127.0.0.1',
    'localhost',
    'LOCALHOST',
    'localhost.',
    'x.localhost',
    '127.1',
    '2130706433',
    '0x7f000001',
    '0177.0.0.1',
    '0.0.0.0',
    '0',
    '[::1]',
    '[::]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[64:ff9b::7f00:1]',
    'user:pass@127.0.0.1',
    '127.0.0.1%2f',
    `${encodeURIComponent('１２７')}.0.0.1`,
  ]) {
    location = `http://${name}:${port}/v2/x`;
    for (const path of [`blobs/${digest}`, 'manifests/v1', 'tags/list', `referrers/${digest}`]) {
      const answer = await ask(host, `/v2/a/b/${path}`);
      t.ok(answer.status === 502 || answer.status === 504, `${name}, ${path}: ${answer.status}`);
      t.notMatch(answer.body.toString(), /secret/);
    }
  }
  for (const url of ['file:///etc/passwd', 'ftp://127.0.0.1/', 'gopher://x', '//', 'http://']) {
    location = url;
    t.equal((await ask(host, '/v2/a/b/manifests/v1')).status, 502, url);
  }
  for (const name of ['169.254.169.254', '10.0.0.1', '192.168.0.1', '[fe80::1]', '[fd00::1]']) {
    location = `http://${name}/latest/meta-data`;
    t.equal((await ask(host, '/v2/a/b/manifests/v1')).status, 502, name);
  }
  t.same(inside, [], 'nothing got there');
});

t.test('not in circles', async (t) => {
  let count = 0;
  const circle = createServer((request, response) => {
    count++;
    response.writeHead(307, { location: `http://${request.headers.host}/v2/again${count}` });
    response.end();
  });
  const { host } = await openProxy(t, `http://${await serveOnLoopback(t, circle)}`);
  t.equal((await ask(host, '/v2/a/b/manifests/v1')).status, 502);
  t.ok(count < 20, `${count} requests`);
});

t.test('a log-in page before a registry is no leave to read', async (t) => {
  const registry = await EmbeddedRegistry.listen();
  t.teardown(() => registry.close());
  const image = await pushImage(`${registry.host}/a/b:v1`, noiseBytes(1000, 1));
  const door = createServer(({ url = '', method, headers }, response) => {
    if (headers.authorization === 'Basic right') {
      const { hostname, port } = new URL(`http://${registry.host}`);
      const inner = request(
        { hostname, port, path: url, method, headers, agent: false },
        (answer) => {
          response.writeHead(answer.statusCode ?? 502, answer.headers);
          answer.pipe(response);
        },
      );
      return void inner.end();
    }
    if (url === '/login') {
      response.writeHead(200, { 'content-type': 'text/html', 'content-length': '1000' });
      return void response.end(method === 'HEAD' ? undefined : Buffer.alloc(1000, 'x'));
    }
    response.writeHead(302, { location: '/login' });
    return void response.end();
  });
  const { host } = await openProxy(t, `http://${await serveOnLoopback(t, door)}`);
  const paths = [
    '/v2/a/b/manifests/v1',
    `/v2/a/b/manifests/${image.manifest.digest}`,
    `/v2/a/b/blobs/${image.layer.digest}`,
  ];
  for (const path of paths) {
    const answer = await ask(host, path, { headers: { authorization: 'Basic right' } });
    t.equal(answer.status, 200, path);
  }
  for (const path of [...paths, '/v2/a/b/tags/list']) {
    for (const method of ['HEAD', 'GET']) {
      for (const range of ['bytes=0-', 'bytes=0-9']) {
        const answer = await ask(host, path, { method, headers: { range } });
        t.equal(answer.status, 502, `${method} ${path}`);
      }
    }
  }
});

t.test('a registry that redirects HEAD, too', async (t) => {
  const registry = await EmbeddedRegistry.listen();
  t.teardown(() => registry.close());
  const image = await pushImage(`${registry.host}/a/b:v1`, noiseBytes(1_000_000, 1));
  const front = createServer(({ url = '' }, response) => {
    response.writeHead(307, { location: `http://${registry.host}${url}` });
    response.end();
  });
  const { host } = await openProxy(t, `http://${await serveOnLoopback(t, front)}`, [registry.host]);
  const path = `/v2/a/b/blobs/${image.layer.digest}`;
  t.equal((await ask(host, path, { method: 'HEAD' })).headers['content-length'], '1000000');
  t.ok((await ask(host, path)).body.equals(image.layerBytes));
  const manifest = await ask(host, '/v2/a/b/manifests/v1');
  t.ok(manifest.body.equals(image.manifestBytes));
});
