/**
 * What Docker sends to a registry mirror, as its documentation has it ("Registry as a pull through
 * cache", "HTTP API V2", "Token authentication"): no `ns`, Docker Hub's names, a ping that tells which
 * token service to use, HEAD before GET, a layer that is resumed.
 */
import { MediaType, sha256Digest } from '@shoal/oci';
import { StaticCredentials } from '@shoal/registry-client';
import { RegistryProxy } from '@shoal/registry-proxy';
import { noiseBytes, requireTool, startDockerRegistry } from '@shoal/test-kit';
import t from 'tap';
import { ask } from './support/ask.ts';
import { pushImage } from './support/pushed-image.ts';

const USER_AGENT =
  'docker/24.0.7 go/go1.20.10 git-commit/311b9ff kernel/6.1.0 os/linux arch/amd64 UpstreamClient(Docker-Client/24.0.7 \\(linux\\))';
const ACCEPT = [
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v1+prettyjws',
  'application/json',
];

if (requireTool(t, 'docker-registry', 'openssl')) {
  t.test('a pull of docker.io/library/app:latest', async (t) => {
    const users = { ann: 'secret' };
    const hub = await startDockerRegistry(t, { token: { users } });
    const password = { kind: 'password', username: 'ann', password: 'secret' } as const;
    const image = await pushImage(`${hub.host}/library/app:latest`, noiseBytes(3_000_000, 1), {
      plainHttp: true,
      credentialSources: [new StaticCredentials(new Map([[hub.host, password]]))],
    });
    await using mirror = await RegistryProxy.listen({
      port: 0,
      upstreams: [
        { name: 'ghcr.io', address: 'http://127.0.0.1:9' },
        { name: 'docker.io', address: `http://${hub.host}` },
      ],
    });
    const send = (method: string, path: string, headers: Record<string, string> = {}) =>
      ask(mirror.host, path, {
        method,
        headers: { 'user-agent': USER_AGENT, 'accept-encoding': 'gzip', ...headers },
      });

    const ping = await send('GET', '/v2/');
    t.equal(ping.status, 401);
    t.equal(ping.headers['docker-distribution-api-version'], 'registry/2.0');
    const challenge = `${ping.headers['www-authenticate']}`;
    const [, realm = '', service = ''] = /realm="([^"]+)",service="([^"]+)"/.exec(challenge) ?? [];
    const token = new URL(realm);
    token.searchParams.set('service', service);
    token.searchParams.set('scope', 'repository:library/app:pull');
    const granted: { token: string } = JSON.parse(await (await fetch(token)).text());
    const authorization = `Bearer ${granted.token}`;

    const asks = { authorization, accept: ACCEPT.join(', ') };
    const head = await send('HEAD', '/v2/library/app/manifests/latest', asks);
    t.equal(head.status, 200);
    t.equal(head.headers['docker-content-digest'], image.manifest.digest);
    t.equal(head.headers['content-type'], MediaType.ociManifest);
    const path = `/v2/library/app/manifests/${image.manifest.digest}`;
    const manifest = await send('GET', path, asks);
    t.equal(sha256Digest(manifest.body), image.manifest.digest);

    const config: { config: { digest: string } } = JSON.parse(manifest.body.toString('utf8'));
    const { digest } = config.config;
    const blob = await send('GET', `/v2/library/app/blobs/${digest}`, { authorization });
    t.equal(sha256Digest(blob.body), digest);
    t.equal(blob.headers['content-encoding'], undefined);

    const layer = `/v2/library/app/blobs/${image.layer.digest}`;
    const whole = await send('GET', layer, { authorization });
    t.ok(whole.body.equals(image.layerBytes));
    const resumed = await send('GET', layer, { authorization, range: 'bytes=1000000-' });
    t.equal(resumed.status, 206);
    t.ok(resumed.body.equals(image.layerBytes.subarray(1_000_000)));

    const missing = await send('HEAD', '/v2/library/app/manifests/none', asks);
    t.equal(missing.status, 404, 'Docker asks Docker Hub itself then');
    const unknown = await send('GET', '/v2/library/app/manifests/latest', { accept: asks.accept });
    t.equal(unknown.status, 401, 'nobody gets in without a token of their own');
  });
}
