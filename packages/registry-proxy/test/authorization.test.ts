/**
 * Who gets what: what the proxy has is given only to those whom the upstream has authorised, and
 * credentials go nowhere but to it.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MediaType, sha256Digest } from '@shoal/oci';
import { StaticCredentials, type StaticRegistry } from '@shoal/registry-client';
import { EmbeddedRegistry } from '@shoal/registry-client/embedded';
import { RegistryProxy, type UpstreamOptions } from '@shoal/registry-proxy';
import {
  type DockerRegistryOptions,
  FaultProxy,
  noiseBytes,
  requireTool,
  startDockerRegistry,
  temporaryDirectory,
} from '@shoal/test-kit';
import t, { type Test } from 'tap';
import { type Answer, ask } from './support/ask.ts';
import { pushImage } from './support/pushed-image.ts';

const USERS = { ann: 'secret', bob: 'hidden' };
const ANN: StaticRegistry = { kind: 'password', username: 'ann', password: 'secret' };
const PATH = '/v2/a/b/manifests/v1';

/** Debian's registry has no OCI manifest for whoever does not ask for one. */
const ACCEPT = { accept: MediaType.ociManifest };

const basic = (user: string, password: string) => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
});

async function openPrivate(
  t: Test,
  registryOptions: DockerRegistryOptions,
  upstream: Partial<UpstreamOptions> = {},
) {
  const registry = await startDockerRegistry(t, registryOptions);
  const { host, tokenServer } = registry;
  const credentialSources = [new StaticCredentials(new Map([[host, ANN]]))];
  const image = await pushImage(`${host}/a/b:v1`, noiseBytes(1000, 1), {
    plainHttp: true,
    credentialSources,
  });
  const wire = await FaultProxy.listen(t, host);
  const clock = { nowMs: 0 };
  const proxy = await RegistryProxy.listen({
    port: 0,
    clock: () => clock.nowMs,
    upstreams: [{ name: 'private.test', address: `http://${wire.host}`, ...upstream }],
  });
  t.teardown(() => proxy.close());
  const blob = `/v2/a/b/blobs/${image.layer.digest}`;
  const get = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
    ask(proxy.host, path, { headers: { ...ACCEPT, ...headers }, method });
  const paths = [PATH, `/v2/a/b/manifests/${image.manifest.digest}`, blob];
  return { ...image, registry, tokenServer, wire, clock, proxy, get, blob, paths };
}

if (requireTool(t, 'docker-registry', 'openssl', 'htpasswd')) {
  t.test('a password: the challenge as it is, and only for who has it', async (t) => {
    const scene = await openPrivate(t, { htpasswd: USERS });
    const { get, paths, wire, clock } = scene;
    const direct = await ask(scene.registry.host, PATH);
    for (const path of paths) t.equal((await get(path, basic('ann', 'secret'))).status, 200, path);
    for (const path of paths) {
      for (const method of ['GET', 'HEAD']) {
        for (const headers of [{}, basic('ann', 'wrong'), basic('eve', 'secret')]) {
          const refused = await get(path, headers, method);
          t.equal(refused.status, 401, `${method} ${path}`);
          t.equal(refused.headers['www-authenticate'], direct.headers['www-authenticate']);
          t.equal(refused.headers['x-shoal-source'], undefined);
        }
      }
    }
    wire.seen.length = 0;
    for (const path of paths) t.equal((await get(path, basic('ann', 'secret'))).status, 200);
    t.ok(
      wire.seen.every(({ url }) => url.includes('/blobs/')),
      'manifests need no second question',
    );
    t.equal(wire.seen.filter(({ method }) => method === 'HEAD').length, 0);
    clock.nowMs += 60_001;
    wire.seen.length = 0;
    const again = await get(scene.blob, basic('ann', 'secret'));
    t.ok(again.body.equals(scene.layerBytes));
    t.equal(wire.seen[0]?.method, 'HEAD', 'after a minute it is asked again');
    for (const path of paths) t.equal((await get(path, basic('bob', 'hidden'))).status, 200);
  });

  t.test('a ping passes the challenge on', async (t) => {
    const { get, registry } = await openPrivate(t, { htpasswd: USERS });
    const direct = await ask(registry.host, '/v2/');
    for (const path of ['/v2/', '/v2/?ns=private.test', '/v2']) {
      const answer = await get(path);
      t.equal(answer.status, 401, path);
      t.equal(answer.headers['www-authenticate'], direct.headers['www-authenticate']);
      t.same(answer.body, direct.body);
    }
    t.equal((await get('/v2/', basic('ann', 'secret'))).status, 200);
  });

  t.test('tokens: the client fetches one where the registry says, as Docker does', async (t) => {
    const scene = await openPrivate(t, { token: { users: USERS, noAnonymous: true } });
    const { get, paths, tokenServer } = scene;
    const ping = await get('/v2/', { 'user-agent': 'docker/24.0.7 go/go1.20.10 UpstreamClient' });
    t.match(ping.headers['www-authenticate'], /^Bearer realm="http:\/\/127\.0\.0\.1:\d+\/token"/);
    const refused = await get(PATH);
    t.equal(refused.status, 401);
    t.match(refused.headers['www-authenticate'], /scope="repository:a\/b:pull"/);
    const tokens = tokenServer?.requests.length;
    const token = await fetchToken(refused);
    for (const path of paths) t.equal((await get(path, token)).status, 200, path);
    for (const path of paths) {
      t.equal((await get(path)).status, 401, path);
      t.equal((await get(path, { authorization: 'Bearer of.bad.news' })).status, 401);
    }
    t.equal(tokenServer?.requests.length, (tokens ?? 0) + 1, 'the proxy asks for none');
  });

  t.test('own credentials: clients need none, and theirs go nowhere', async (t) => {
    for (const kind of ['htpasswd', 'token'] as const) {
      const scene = await openPrivate(
        t,
        kind === 'htpasswd' ? { htpasswd: USERS } : { token: { users: USERS, noAnonymous: true } },
        { mode: 'own', credentials: ANN },
      );
      const { get, paths, wire, proxy, tokenServer } = scene;
      if (tokenServer !== undefined) {
        const strange = await get(PATH);
        t.equal(strange.status, 502, 'its token service is at a private address');
        t.equal(tokenServer.requests.length, 1, 'only the push has been there');
        await proxy.close();
      }
      const redirectHosts = tokenServer === undefined ? [] : [new URL(tokenServer.realm).host];
      await using second = await RegistryProxy.listen({
        port: 0,
        upstreams: [
          {
            name: 'private.test',
            address: `http://${wire.host}`,
            mode: 'own',
            credentials: ANN,
            redirectHosts,
          },
        ],
      });
      t.equal((await ask(second.host, '/v2/')).status, 200);
      const headers = { ...ACCEPT, ...basic('bob', 'private') };
      for (const path of paths) {
        const answer = await ask(second.host, path, { headers });
        t.equal(answer.status, 200, `${kind}: ${path}`);
        t.equal((await ask(second.host, path, { headers: ACCEPT })).status, 200);
      }
      t.notOk(wire.seen.some(({ authorization }) => authorization === headers.authorization));
    }
  });

  t.test("TLS with an authority of one's own, credentials of Docker's configuration", async (t) => {
    const registry = await startDockerRegistry(t, { tls: 'server', htpasswd: USERS });
    const { host } = registry;
    const caFile = registry.certificates?.caFile;
    const image = await pushImage(`${host}/a/b:v1`, noiseBytes(1000, 1), {
      caFile,
      credentialSources: [new StaticCredentials(new Map([[host, ANN]]))],
    });
    const DOCKER_CONFIG = temporaryDirectory(t);
    const auth = Buffer.from('ann:secret').toString('base64');
    const config = { auths: { 'private.test': { auth } } };
    writeFileSync(join(DOCKER_CONFIG, 'config.json'), JSON.stringify(config));
    const status = async (settings: Partial<UpstreamOptions>) => {
      await using proxy = await RegistryProxy.listen({
        port: 0,
        upstreams: [{ name: 'private.test', address: `https://${host}`, mode: 'own', ...settings }],
      });
      const answer = await ask(proxy.host, `/v2/a/b/blobs/${image.layer.digest}`);
      if (answer.status === 200) t.ok(answer.body.equals(image.layerBytes));
      return answer.status;
    };
    const client = { env: { DOCKER_CONFIG } };
    t.equal(await status({ caFile, client }), 200);
    t.equal(await status({ insecure: true, client }), 200);
    t.equal(await status({ client }), 502, 'a certificate that is not trusted');
    t.equal(await status({ caFile, client: { env: {} } }), 403, 'no credentials');
  });

  t.test('own credentials that are refused are no challenge to the client', async (t) => {
    const { get, paths } = await openPrivate(
      t,
      { htpasswd: USERS },
      { mode: 'own', credentials: { ...ANN, password: 'old' } },
    );
    for (const path of paths) {
      const answer = await get(path);
      t.equal(answer.status, 403, path);
      t.equal(answer.headers['www-authenticate'], undefined);
      t.notMatch(answer.body.toString(), /old|secret/);
    }
  });

  t.test('credentials for programs of this host', async (t) => {
    const { get, paths, wire } = await openPrivate(
      t,
      { htpasswd: USERS },
      { mode: 'node', credentials: ANN },
    );
    for (const path of paths) t.equal((await get(path)).status, 200);
    wire.seen.length = 0;
    for (const path of [...paths, '/v2/']) {
      for (const headers of [
        { host: 'evil.test' },
        { host: '127.0.0.1.evil.test:80' },
        { host: 'localhost.evil.test' },
        { 'x-forwarded-for': '127.0.0.1' },
        { forwarded: 'for=127.0.0.1' },
        { origin: 'http://page.example' },
        { 'sec-fetch-site': 'same-origin' },
        { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64)' },
        { via: '1.1 proxy' },
      ]) {
        const answer: Answer = await get(path, headers);
        t.equal(answer.status, 403, `${path} ${JSON.stringify(headers)}`);
      }
    }
    t.same(wire.seen, []);
    t.equal((await get(PATH, { host: 'localhost:4001' })).status, 200);
    t.equal((await get(PATH, { host: '[::1]:4001' })).status, 200);
  });

  t.test('while the registry is away', async (t) => {
    const { get, wire, clock, blob } = await openPrivate(t, { htpasswd: USERS });
    const ann = basic('ann', 'secret');
    t.equal((await get(PATH, ann)).status, 200);
    wire.inject({ fault: { kind: 'status', status: 503 } });
    clock.nowMs += 30_000;
    t.equal((await get(PATH, ann)).status, 200, 'who was authorised a moment ago');
    t.equal((await get(PATH)).status, 503, 'nobody else');
    t.equal((await get(PATH, basic('bob', 'hidden'))).status, 503);
    clock.nowMs += 30_001;
    t.equal((await get(PATH, ann)).status, 503, 'and not for long');
    t.equal((await get(blob, ann)).status, 503);
  });

  t.test('who is refused is no longer trusted', async (t) => {
    const { get, wire, clock } = await openPrivate(t, { htpasswd: USERS });
    const ann = basic('ann', 'secret');
    t.equal((await get(PATH, ann)).status, 200);
    clock.nowMs += 10_001;
    wire.inject({ fault: { kind: 'status', status: 401 } });
    t.equal((await get(PATH, ann)).status, 401);
    wire.heal();
    wire.inject({ fault: { kind: 'status', status: 503 } });
    t.equal((await get(PATH, ann)).status, 503);
  });
}

t.test('what is in one repository is not in another', async (t) => {
  const registry = await EmbeddedRegistry.listen();
  t.teardown(() => registry.close());
  const image = await pushImage(`${registry.host}/closed/a:v1`, noiseBytes(1000, 1));
  await pushImage(`${registry.host}/open/b:v1`, noiseBytes(1000, 2));
  await using proxy = await RegistryProxy.listen({
    port: 0,
    upstreams: [{ name: 'registry.test', address: `http://${registry.host}` }],
  });
  for (const [collection, digest] of [
    ['manifests', image.manifest.digest],
    ['blobs', image.layer.digest],
  ] as const) {
    const there = await ask(proxy.host, `/v2/closed/a/${collection}/${digest}`);
    t.equal(sha256Digest(there.body), digest);
    t.equal((await ask(proxy.host, '/v2/open/b/manifests/v1')).status, 200);
    const elsewhere = await ask(proxy.host, `/v2/open/b/${collection}/${digest}`);
    t.equal(elsewhere.status, 404, collection);
  }
});

/** Answers a Bearer challenge for Ann. */
async function fetchToken({ headers }: Answer): Promise<{ authorization: string }> {
  const challenge = headers['www-authenticate'] ?? '';
  const parameter = (name: string) => new RegExp(`${name}="([^"]+)"`).exec(challenge)?.[1] ?? '';
  const url = new URL(parameter('realm'));
  url.searchParams.set('service', parameter('service'));
  url.searchParams.set('scope', parameter('scope'));
  const answer = await fetch(url, { headers: basic('ann', 'secret') });
  const { token }: { token: string } = JSON.parse(await answer.text());
  return { authorization: `Bearer ${token}` };
}
