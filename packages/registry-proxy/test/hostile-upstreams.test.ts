/** Registries that answer with nonsense: each answer is an error or harmless, and the proxy goes on. */
import { createServer as createHttpServer } from 'node:http';
import { createServer, type Socket } from 'node:net';
import { sha256Digest } from '@shoal/oci';
import { RegistryProxy } from '@shoal/registry-proxy';
import { noiseBytes, serveOnLoopback } from '@shoal/test-kit';
import t, { type Test } from 'tap';
import { UPSTREAM_SILENCES_MAX } from '../src/limits.ts';
import { ask } from './support/ask.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;
const NO_BODY = { 'content-length': 0 };
const PATHS = [
  '/v2/a/b/manifests/v1',
  `/v2/a/b/manifests/${DIGEST}`,
  `/v2/a/b/blobs/${DIGEST}`,
  '/v2/a/b/tags/list',
  `/v2/a/b/referrers/${DIGEST}`,
];

/** A registry that says the same to everybody and hangs up. */
async function openUpstream(t: Test, say: (socket: Socket) => void): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => say(socket));
  });
  const address = `http://${await serveOnLoopback(t, server)}`;
  const proxy = await RegistryProxy.listen({
    port: 0,
    upstreams: [{ name: 'registry.test', address }],
  });
  t.teardown(() => proxy.close());
  return proxy.host;
}

const head =
  (status: string, headers: string, body = '') =>
  (socket: Socket) =>
    socket.end(
      Buffer.from(`HTTP/1.1 ${status}\r\nconnection: close\r\n${headers}\r\n${body}`, 'latin1'),
    );

const ANSWERS: Readonly<Record<string, (socket: Socket) => void>> = {
  nothing: (socket) => socket.end(),
  'no HTTP': (socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n'),
  'a status of no kind': head('999 What', 'content-length: 0\r\n'),
  'a status below all': head('099 What', 'content-length: 0\r\n'),
  'no content': head('204 No Content', ''),
  'not modified': head('304 Not Modified', ''),
  'a part that nobody asked for': head(
    '206 Partial',
    'content-range: bytes 5-9/10\r\ncontent-length: 5\r\n',
    '56789',
  ),
  'two lengths': head('200 OK', 'content-length: 5\r\ncontent-length: 6\r\n', 'aaaaaa'),
  'a length below nothing': head('200 OK', 'content-length: -5\r\n'),
  'a length beyond all': head('200 OK', `content-length: ${'9'.repeat(30)}\r\n`),
  'less than it says': head('200 OK', 'content-length: 50\r\n', 'abc'),
  'a redirect to nowhere': head('307 Temporary', 'content-length: 0\r\n'),
  'a redirect to no URL': head('307 Temporary', 'location: http://[\r\ncontent-length: 0\r\n'),
  'headers without an end': (socket) => {
    socket.write('HTTP/1.1 200 OK\r\n');
    for (let line = 0; line < 5000; line++) socket.write(`x-${line}: ${'y'.repeat(100)}\r\n`);
    socket.end();
  },
  'a challenge of strange letters': head(
    '401 No',
    'www-authenticate: Basic realm="\xe4\xb8\xad\xff"\r\ncontent-length: 0\r\n',
  ),
  'a challenge over two lines': head(
    '401 No',
    'www-authenticate: Basic\r\n realm="x"\r\ncontent-length: 0\r\n',
  ),
  'compressed, though nobody asked': head(
    '200 OK',
    'content-encoding: gzip\r\ncontent-length: 5\r\n',
    'abcde',
  ),
  'a digest that is none': head(
    '200 OK',
    'docker-content-digest: sha256:../../x\r\ncontent-length: 2\r\n',
    '{}',
  ),
  'a type that is none': head('200 OK', 'content-type: a\x01b\r\ncontent-length: 2\r\n', '{}'),
};

for (const [name, say] of Object.entries(ANSWERS)) {
  t.test(name, async (t) => {
    const host = await openUpstream(t, say);
    for (const path of PATHS) {
      for (const method of ['HEAD', 'GET']) {
        const answer = await ask(host, path, { method });
        const isError = answer.status >= 400 && answer.status < 600;
        const isEmpty = method === 'HEAD' || !answer.isWhole || answer.body.byteLength <= 300;
        t.ok(isError || isEmpty, `${method} ${path}: ${answer.status}`);
        t.equal(answer.headers['content-encoding'], undefined);
        if (/a part|compressed/.test(name)) t.not(answer.status, 200);
      }
    }
    t.ok([200, 401].includes((await ask(host, '/v2/')).status), 'the proxy itself is there');
  });
}

t.test('an answer without an end is cut off', async (t) => {
  let sent = 0;
  const host = await openUpstream(t, (socket) => {
    socket.write(
      'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n',
    );
    const piece = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
    const more = () => {
      while (!socket.destroyed && sent < 1 << 28) {
        sent += piece.length;
        if (!socket.write(piece)) return void socket.once('drain', more);
      }
    };
    more();
  });
  for (const path of ['/v2/a/b/manifests/v1', '/v2/a/b/tags/list']) {
    sent = 0;
    t.equal((await ask(host, path)).status, 502, path);
    t.ok(sent < 64 << 20, `${sent} bytes were taken`);
  }
});

t.test('lists that take an upstream long keep nobody from anything else', async (t) => {
  const manifest = Buffer.from('{"schemaVersion":2}');
  const server = createHttpServer(({ url = '' }, response) => {
    if (!url.includes('/tags/list')) response.end(manifest);
  });
  const address = `http://${await serveOnLoopback(t, server)}`;
  const upstreams = [{ name: 'registry.test', address }];
  const proxy = await RegistryProxy.listen({ port: 0, upstreams });
  t.teardown(() => proxy.close());
  const lists = Array.from({ length: 2 * UPSTREAM_SILENCES_MAX }, (_, index) =>
    ask(proxy.host, `/v2/a/b/tags/list?n=${index + 1}`),
  );
  for (const { status } of await Promise.all(lists)) t.equal(status, 504);
  const answer = await ask(proxy.host, '/v2/a/b/manifests/v1');
  t.equal(answer.status, 200);
  t.ok(answer.body.equals(manifest));
});

t.test('an empty blob does not show that a registry ignores ranges', async (t) => {
  const [content, empty] = [noiseBytes(100_000, 3), Buffer.alloc(0)];
  // As Go's file server: of nothing a range is everything.
  const server = createHttpServer(({ method, url = '', headers }, response) => {
    if (method === 'HEAD') return void response.writeHead(405).end();
    const [, first = '', last = ''] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? [];
    if (url.includes(sha256Digest(empty))) return void response.writeHead(200, NO_BODY).end();
    const end = Number(last) + 1;
    const range = `bytes ${first}-${last}/${content.length}`;
    response.writeHead(206, { 'content-range': range }).end(content.subarray(Number(first), end));
  });
  const address = `http://${await serveOnLoopback(t, server)}`;
  const upstreams = [{ name: 'registry.test', address }];
  const proxy = await RegistryProxy.listen({ port: 0, upstreams });
  t.teardown(() => proxy.close());
  const nothing = await ask(proxy.host, `/v2/a/b/blobs/${sha256Digest(empty)}`);
  t.match(nothing, { status: 200, body: empty });
  const headers = { range: 'bytes=10-19' };
  const part = await ask(proxy.host, `/v2/a/b/blobs/${sha256Digest(content)}`, { headers });
  t.equal(part.status, 206);
  t.ok(part.body.equals(content.subarray(10, 20)));
});
