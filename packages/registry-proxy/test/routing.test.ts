/** Which upstream is asked: the one that is named, in each of the ways that clients name it. */
import { EmbeddedRegistry } from '@shoal/registry-client/embedded';
import { RegistryProxy } from '@shoal/registry-proxy';
import { noiseBytes } from '@shoal/test-kit';
import t from 'tap';
import { ask, errorCodeIn } from './support/ask.ts';
import { pushImage } from './support/pushed-image.ts';

const NAMES = ['docker.io', 'ghcr.io', 'registry.example:5000'] as const;

async function openRegistries(t: { teardown(end: () => Promise<void>): void }) {
  const hosts = new Map<string, string>();
  for (const [index, name] of NAMES.entries()) {
    const registry = await EmbeddedRegistry.listen();
    t.teardown(() => registry.close());
    hosts.set(name, registry.host);
    await pushImage(`${registry.host}/library/app:v1`, noiseBytes(100 + index, index));
  }
  return hosts;
}

async function openProxy(
  t: { teardown(end: () => Promise<void>): void },
  hosts: ReadonlyMap<string, string>,
  standard?: string,
): Promise<RegistryProxy> {
  const upstreams = [...hosts].map(([name, host]) => ({ name, address: `http://${host}` }));
  const proxy = await RegistryProxy.listen({ port: 0, upstreams, standard });
  t.teardown(() => proxy.close());
  return proxy;
}

t.test('by ns, by the path, by default', async (t) => {
  const hosts = await openRegistries(t);
  const { host } = await openProxy(t, hosts);
  const asked: readonly (readonly [string, string])[] = [
    ['/v2/library/app/manifests/v1?ns=docker.io', 'docker.io'],
    ['/v2/library/app/manifests/v1?ns=DOCKER.io', 'docker.io'],
    ['/v2/library/app/manifests/v1?ns=registry-1.docker.io', 'docker.io'],
    ['/v2/library/app/manifests/v1?ns=ghcr.io', 'ghcr.io'],
    ['/v2/library/app/manifests/v1?ns=registry.example%3A5000', 'registry.example:5000'],
    ['/v2/docker.io/library/app/manifests/v1', 'docker.io'],
    ['/v2/index.docker.io/library/app/manifests/v1', 'docker.io'],
    ['/v2/docker.io/app/manifests/v1', 'docker.io'],
    ['/v2/ghcr.io/library/app/manifests/v1', 'ghcr.io'],
    ['/v2/registry.example:5000/library/app/manifests/v1', 'registry.example:5000'],
    ['/v2/library/app/manifests/v1', 'docker.io'],
    ['/v2/app/manifests/v1', 'docker.io'],
  ];
  for (const [path, upstream] of asked) {
    const answer = await ask(host, path);
    t.equal(answer.status, 200, path);
    t.equal(answer.headers['x-shoal-upstream'], upstream);
  }
});

t.test('nobody else is asked', async (t) => {
  const hosts = await openRegistries(t);
  const { host } = await openProxy(t, hosts);
  for (const path of [
    '/v2/library/app/manifests/v1?ns=quay.io',
    '/v2/library/app/manifests/v1?ns=169.254.169.254',
    '/v2/library/app/manifests/v1?ns=',
    `/v2/library/app/manifests/v1?ns=${hosts.get('ghcr.io')}`,
    '/v2/quay.io/library/app/manifests/v1',
    '/v2/127.0.0.1:80/library/app/manifests/v1',
    '/v2/?ns=quay.io',
  ]) {
    const answer = await ask(host, path);
    t.ok(answer.status === 404 || answer.status === 400, `${path}: ${answer.status}`);
    t.not(errorCodeIn(answer), 'none');
  }
  const twice = await ask(host, '/v2/library/app/manifests/v1?ns=ghcr.io&ns=docker.io');
  t.equal(twice.status, 400);
});

t.test('another default, or none', async (t) => {
  const hosts = await openRegistries(t);
  const other = await openProxy(t, hosts, 'ghcr.io');
  const answer = await ask(other.host, '/v2/library/app/manifests/v1');
  t.equal(answer.headers['x-shoal-upstream'], 'ghcr.io');
  hosts.delete('docker.io');
  const none = await openProxy(t, hosts);
  t.equal((await ask(none.host, '/v2/library/app/manifests/v1')).status, 404);
  t.equal((await ask(none.host, '/v2/')).status, 200);
  await t.rejects(openProxy(t, hosts, 'docker.io'), { code: 'ERR_REGISTRY_PROXY_CONFIG' });
});

t.test('pages of tags lead back to the proxy', async (t) => {
  const registry = await EmbeddedRegistry.listen();
  t.teardown(() => registry.close());
  for (const tag of ['a', 'b', 'c', 'd', 'e']) {
    await pushImage(`${registry.host}/some/app:${tag}`, noiseBytes(10, 1));
  }
  const { host } = await openProxy(t, new Map([['registry.test', registry.host]]));
  for (const start of [
    '/v2/some/app/tags/list?n=2',
    '/v2/registry.test/some/app/tags/list?n=2',
    '/v2/some/app/tags/list?n=2&ns=registry.test',
  ]) {
    const seen: string[] = [];
    const targets: string[] = [];
    for (let target: string | undefined = start; target !== undefined; ) {
      const { body, headers } = await ask(host, target);
      seen.push(...JSON.parse(body.toString()).tags);
      target = /<([^>]+)>; rel="next"/.exec(`${headers['link']}`)?.[1];
      if (target !== undefined) targets.push(target);
    }
    t.same(seen, ['a', 'b', 'c', 'd', 'e'], start);
    const [path = '', query = ''] = start.split('?');
    t.ok(
      targets.every((target) => target.startsWith(`${path}?`)),
      'below the same path',
    );
    t.equal(
      targets.every((target) => target.includes('ns=registry.test')),
      query.includes('ns='),
    );
  }
});

t.test('what two proxies in a circle are asked comes to an end', async (t) => {
  const first = await openProxy(t, new Map([['other.test', '127.0.0.1:1']]));
  const own = await RegistryProxy.listen({
    port: 0,
    upstreams: [{ name: 'loop.test', address: `http://${first.host}` }],
  });
  const address = `http://${own.host}`;
  await own.close();
  const { port } = new URL(address);
  const back = await RegistryProxy.listen({ port: 0, upstreams: [{ name: 'loop.test', address }] });
  const again = await RegistryProxy.listen({
    port: Number(port),
    upstreams: [{ name: 'loop.test', address: `http://${back.host}` }],
  });
  t.teardown(async () => {
    await back.close();
    await again.close();
  });
  for (const path of ['manifests/v1', `blobs/sha256:${'0'.repeat(64)}`, 'tags/list']) {
    const answer = await ask(again.host, `/v2/a/b/${path}`);
    t.equal(answer.status, 508, path);
  }
});
