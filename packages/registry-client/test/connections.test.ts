/** TLS, plain HTTP and proxies. */
import { writeFileSync } from 'node:fs';
import { createServer, get } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { parseReference } from '@shoal/oci';
import { type ClientOptions, openSource, openTarget } from '@shoal/registry-client';
import { EmbeddedRegistry } from '@shoal/registry-client/embedded';
import {
  noiseBytes,
  requireTool,
  serveOnLoopback,
  startDockerRegistry,
  temporaryDirectory,
} from '@shoal/test-kit';
import t, { type Test } from 'tap';
import { proxyForUrl } from '../src/http/proxy-environment.ts';
import { writeImage } from './support/image-target-suite.ts';

async function resolveWith(host: string, options: ClientOptions): Promise<unknown> {
  await using source = await openSource(parseReference(`${host}/a/b:v1`), options);
  return await source.resolve();
}

t.test('which proxy a URL goes through', async (t) => {
  const via = (url: string, env: Record<string, string>) => proxyForUrl(new URL(url), env)?.host;
  const both = { HTTPS_PROXY: 'http://secure:1', http_proxy: 'plain:2' };
  t.equal(via('https://r.example/', both), 'secure:1');
  t.equal(via('http://r.example/', both), 'plain:2');
  t.equal(via('https://r.example/', {}), undefined);
  for (const host of ['localhost', '127.0.0.1', '127.9.9.9', '[::1]']) {
    t.equal(via(`http://${host}:5000/`, both), undefined, host);
  }
  const exempt: readonly (readonly [string, string, boolean])[] = [
    ['*', 'https://r.example/', true],
    ['example', 'https://r.example/', true],
    ['.example', 'https://r.example/', true],
    ['r.example', 'https://x-r.example/', false],
    ['ample', 'https://r.example/', false],
    ['r.example:443', 'https://r.example/', true],
    ['r.example:444', 'https://r.example/', false],
    ['10.0.0.0/8', 'https://10.1.2.3/', true],
    ['10.0.0.0/8', 'https://11.1.2.3/', false],
    ['10.0.0.0/99', 'https://10.1.2.3/', false],
    ['fd00::/8', 'https://[fd00::1]/', true],
    ['other, R.Example ', 'https://r.example/', true],
  ];
  for (const [list, url, isExempt] of exempt) {
    const found = via(url, { ...both, NO_PROXY: list });
    t.equal(found === undefined, isExempt, `${list} for ${url}`);
  }
  t.throws(() => via('https://r.example/', { HTTPS_PROXY: 'ftp://x' }), {
    code: 'ERR_REGISTRY_CLIENT_CONFIG',
  });
});

/** An HTTP proxy that leads everything to one place, by CONNECT or by absolute URLs. */
async function tunnel(t: Test, port: number) {
  const asked: string[] = [];
  const authorizations: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/');
    asked.push(url.host);
    authorizations.push(request.headers['proxy-authorization']);
    get({ port, path: url.pathname, headers: request.headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    }).on('error', () => response.destroy());
  });
  server.on('connect', (request, client, head) => {
    asked.push(request.url ?? '');
    authorizations.push(request.headers['proxy-authorization']);
    const upstream = connect(port, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 OK\r\n\r\n');
      upstream.write(head);
      upstream.pipe(client);
      client.pipe(upstream);
    });
    upstream.on('error', () => client.destroy());
    client.on('error', () => upstream.destroy());
  });
  return { asked, authorizations, host: await serveOnLoopback(t, server) };
}

t.test('requests go through the proxy of the environment', async (t) => {
  await using registry = await EmbeddedRegistry.listen();
  await using target = await openTarget(parseReference(`${registry.host}/a/b:v1`), {});
  await writeImage(target, [noiseBytes(1000, 41)]);
  const proxy = await tunnel(t, Number(registry.host.split(':')[1]));
  const env = { HTTP_PROXY: `http://user:p%40ss@${proxy.host}` };
  t.ok(await resolveWith('registry.invalid:5000', { plainHttp: true, env }));
  t.same(proxy.asked, ['registry.invalid:5000']);
  t.equal(
    proxy.authorizations[0],
    `Basic ${Buffer.from('user:p@ss').toString('base64')}`,
    'with its password',
  );
});

t.test('a loopback registry may speak plain HTTP unasked, another may not', async (t) => {
  await using registry = await EmbeddedRegistry.listen();
  await using target = await openTarget(parseReference(`${registry.host}/a/b:v1`), {});
  await writeImage(target, [noiseBytes(1000, 42)]);
  t.ok(await resolveWith(registry.host, {}));
  const proxy = await tunnel(t, Number(registry.host.split(':')[1]));
  const env = { HTTPS_PROXY: `http://${proxy.host}` };
  await t.rejects(resolveWith('registry.invalid:5000', { env }), {
    code: 'ERR_REGISTRY_CLIENT_TLS',
    remedy: /--plain-http/,
  });
});

t.test('certificates', async (t) => {
  if (!requireTool(t, 'docker-registry', 'openssl')) return;
  const { host, certificates } = await startDockerRegistry(t, { tls: 'server' });
  const options = { caFile: certificates?.caFile };
  await using target = await openTarget(parseReference(`${host}/a/b:v1`), options);
  await writeImage(target, [noiseBytes(1000, 43)]);
  t.ok(await resolveWith(host, options), 'a given authority');
  t.ok(await resolveWith(host, { insecure: true }), 'no check at all');
  await t.rejects(resolveWith(host, {}), { code: 'ERR_REGISTRY_CLIENT_TLS', remedy: /--ca-file/ });
  await t.rejects(resolveWith(host, { plainHttp: true }), { code: 'ERR_REGISTRY_CLIENT_STATUS' });
  const config = { code: 'ERR_REGISTRY_CLIENT_CONFIG' };
  await t.rejects(resolveWith(host, { clientCertificateFile: '/x' }), config);
  const notPem = join(temporaryDirectory(t), 'not.pem');
  writeFileSync(notPem, 'hello');
  await t.rejects(resolveWith(host, { caFile: notPem }), { ...config, message: /not\.pem/ });
  const absent = { ...config, message: /absent\.pem.*ENOENT/ };
  await t.rejects(resolveWith(host, { caFile: '/absent.pem' }), absent);
});

t.test('a registry that wants a client certificate says so', async (t) => {
  if (!requireTool(t, 'docker-registry', 'openssl')) return;
  const { host, certificates } = await startDockerRegistry(t, { tls: 'mutual' });
  await t.rejects(resolveWith(host, { caFile: certificates?.caFile, retry: { attemptsMax: 1 } }), {
    code: /ERR_REGISTRY_CLIENT_(?:TLS|TRANSFER)/,
    remedy: /client certificate/,
  });
});
