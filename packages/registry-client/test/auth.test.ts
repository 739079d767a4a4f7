/** Credentials: where they come from, how a registry is asked, what is said when they do not do. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseReference } from '@shoal/oci';
import {
  type ClientOptions,
  createRegistryClient,
  openSource,
  openTarget,
} from '@shoal/registry-client';
import { type DockerRegistry, noiseBytes, requireTool, startDockerRegistry } from '@shoal/test-kit';
import t from 'tap';
import { parseChallenges } from '../src/auth/challenge.ts';
import { DockerCredentials } from '../src/auth/docker-config.ts';
import { CREDENTIALS_LIFETIME_MS } from '../src/limits.ts';
import { basicAuth, dockerSetting } from './support/docker-config.ts';
import { writeImage } from './support/image-target-suite.ts';

t.test('challenges', async (t) => {
  const parse = (header: string) =>
    parseChallenges(header).map(({ scheme, parameters }) => [
      scheme,
      Object.fromEntries(parameters),
    ]);
  t.same(parse('Basic realm="a, b=\\"c\\""'), [['basic', { realm: 'a, b="c"' }]]);
  t.same(parse('Bearer realm="https://auth/t",service=reg , scope="repository:a/b:pull,push"'), [
    ['bearer', { realm: 'https://auth/t', service: 'reg', scope: 'repository:a/b:pull,push' }],
  ]);
  t.same(parse('Negotiate, Basic realm=x, Bearer realm="y"'), [
    ['negotiate', {}],
    ['basic', { realm: 'x' }],
    ['bearer', { realm: 'y' }],
  ]);
  t.same(parse(''), []);
  t.same(parse('\u0000\u0001'), []);
  const started = performance.now();
  parse(`Bearer ${'a="'.repeat(20_000)}`);
  parse('a'.repeat(100_000));
  t.ok(performance.now() - started < 60_000);
});

t.test('where credentials come from', async (t) => {
  const helpers = {
    ok: 'read server; echo "{\\"Username\\":\\"u\\",\\"Secret\\":\\"s-$server\\"}"',
    token: 'read server; echo "{\\"Username\\":\\"<token>\\",\\"Secret\\":\\"refresh\\"}"',
    none: 'echo "credentials not found in native keychain"; exit 1',
    bad: 'echo nonsense',
    broken: 'exit 7',
    huge: 'head -c 1000000 /dev/zero',
  };
  const lookup = (config: object | string, registry: string) =>
    new DockerCredentials(dockerSetting(t, { config, helpers })).lookup(registry);
  const auths = { 'r.example': basicAuth('ann', 'x:y') };
  const ann = { kind: 'password', username: 'ann', password: 'x:y' };
  t.same((await lookup({ auths }, 'r.example')).credentials, ann);
  t.same((await lookup({ auths }, 'other.example')).credentials, undefined);
  const hub = { auths: { 'https://index.docker.io/v1/': basicAuth('ann', 'x:y') } };
  t.same((await lookup(hub, 'docker.io')).credentials, ann);
  const schemes = { auths: { 'https://r.example/v2/': basicAuth('ann', 'x:y') } };
  t.same((await lookup(schemes, 'r.example')).credentials, ann);
  const helped = { credHelpers: { 'r.example': 'ok' }, credsStore: 'broken', auths };
  t.same((await lookup(helped, 'r.example')).credentials, {
    kind: 'password',
    username: 'u',
    password: 's-r.example',
  });
  t.same((await lookup({ credsStore: 'ok' }, 'docker.io')).credentials, {
    kind: 'password',
    username: 'u',
    password: 's-https://index.docker.io/v1/',
  });
  t.same((await lookup({ credsStore: 'token' }, 'r.example')).credentials, {
    kind: 'identity-token',
    token: 'refresh',
  });
  t.same((await lookup({ credsStore: 'none', auths }, 'r.example')).credentials, ann);
  for (const credsStore of ['bad', 'broken', 'huge', 'absent', '../../bin/sh', 'a b']) {
    const { credentials, failure } = await lookup({ credsStore }, 'r.example');
    t.equal(credentials, undefined, credsStore);
    t.match(failure, { code: 'ERR_REGISTRY_CLIENT_CREDENTIAL_HELPER', remedy: /./ });
  }
  const config = { code: 'ERR_REGISTRY_CLIENT_CONFIG', message: /config\.json/ };
  await t.rejects(lookup('{ not json', 'r.example'), config);
  await t.rejects(lookup({ auths: { 'r.example': 'text' } }, 'r.example'), config);
  const absent = new DockerCredentials({ env: { DOCKER_CONFIG: '/nonexistent' } });
  t.same(await absent.lookup('r.example'), { credentials: undefined, failure: undefined });
});

if (requireTool(t, 'docker-registry', 'openssl', 'htpasswd')) {
  const users = { ann: 'secret' };
  const reference = ({ host }: DockerRegistry) => parseReference(`${host}/a/b:v1`);

  t.test('a registry with a password', async (t) => {
    const registry = await startDockerRegistry(t, { htpasswd: users });
    const withAuth = (user: string, password: string) =>
      dockerSetting(t, { config: { auths: { [registry.host]: basicAuth(user, password) } } });
    await using target = await openTarget(reference(registry), withAuth('ann', 'secret'));
    await writeImage(target, [noiseBytes(1000, 31)]);
    const refusals: readonly (readonly [ClientOptions, RegExp])[] = [
      [withAuth('ann', 'wrong'), /refused/],
      [dockerSetting(t, { config: {} }), /none are stored/],
      [dockerSetting(t, { config: { credsStore: 'absent' } }), /docker-credential-absent/],
    ];
    for (const [options, message] of refusals) {
      await using source = await openSource(reference(registry), options);
      await t.rejects(source.resolve(), {
        code: 'ERR_REGISTRY_CLIENT_UNAUTHORIZED',
        message,
        remedy: new RegExp(`docker login ${registry.host}`),
      });
    }
  });

  t.test('a registry with tokens', async (t) => {
    const registry = await startDockerRegistry(t, { token: { users } });
    const requests = registry.tokenServer?.requests ?? [];
    const login = (auth: object) =>
      dockerSetting(t, { config: { auths: { [registry.host]: auth } } });
    await using client = createRegistryClient(login(basicAuth('ann', 'secret')));
    await using target = await openTarget(reference(registry), { client });
    await writeImage(target, [noiseBytes(1000, 32), noiseBytes(2000, 33)]);
    t.equal(requests.length, 1, 'one token for the whole push');
    t.match(requests[0], /scope=repository%3Aa%2Fb%3Apull%2Cpush/);

    requests.length = 0;
    await using anonymous = await openSource(reference(registry), dockerSetting(t, { config: {} }));
    t.ok(await anonymous.resolve(), 'anonymous pull');
    t.equal(requests.length, 1);

    await using renewed = await openSource(
      reference(registry),
      login({ identitytoken: 'refresh-ann' }),
    );
    t.ok(await renewed.resolve(), 'a refresh token');
    t.match(requests.at(-1), /^POST .*grant_type=refresh_token/);

    await using wrong = await openSource(reference(registry), login(basicAuth('ann', 'wrong')));
    await t.rejects(wrong.resolve(), { code: 'ERR_REGISTRY_CLIENT_UNAUTHORIZED' });

    await using readOnly = await openTarget(reference(registry), dockerSetting(t, { config: {} }));
    await t.rejects(writeImage(readOnly, [noiseBytes(10, 34)]), {
      code: /ERR_REGISTRY_CLIENT_(?:UNAUTHORIZED|DENIED)/,
    });
  });

  for (const kind of ['htpasswd', 'token'] as const) {
    t.test(`a new login counts for a client that was refused (${kind})`, async (t) => {
      const options =
        kind === 'token' ? { token: { users, noAnonymous: true } } : { htpasswd: users };
      const registry = await startDockerRegistry(t, options);
      const auths = (password: string) => ({
        auths: { [registry.host]: basicAuth('ann', password) },
      });
      const { env } = dockerSetting(t, { config: auths('secret') });
      await using target = await openTarget(reference(registry), { env });
      await writeImage(target, [noiseBytes(10, 36)]);
      const file = join(env['DOCKER_CONFIG'] ?? '', 'config.json');
      writeFileSync(file, JSON.stringify(auths('wrong')));
      await using client = createRegistryClient({ env });
      await using source = await openSource(reference(registry), { client });
      const refused = { code: 'ERR_REGISTRY_CLIENT_UNAUTHORIZED', remedy: /docker login/ };
      await t.rejects(source.resolve(), refused);
      writeFileSync(file, JSON.stringify(auths('secret')));
      await sleep(CREDENTIALS_LIFETIME_MS);
      t.ok(await source.resolve());
    });
  }

  t.test('a blob of another repository is mounted, not sent', async (t) => {
    const registry = await startDockerRegistry(t, { token: { users } });
    const config = { auths: { [registry.host]: basicAuth('ann', 'secret') } };
    await using client = createRegistryClient(dockerSetting(t, { config }));
    await using first = await openTarget(reference(registry), { client });
    const { manifest } = await writeImage(first, [noiseBytes(1000, 35)]);
    const elsewhere = parseReference(`${registry.host}/c/d:v1`);
    await using second = await openTarget(elsewhere, { client });
    const [layer] = manifest.layers;
    if (layer === undefined) throw new Error('no layer');
    t.notOk(await second.hasBlob(layer));
    t.notOk(await second.mountBlob(layer, 'no/such'));
    t.ok(await second.mountBlob(layer, 'a/b'));
    t.ok(await second.hasBlob(layer));
  });

  t.test('secrets never reach messages or the wire log', async (t) => {
    const registry = await startDockerRegistry(t, { token: { users, noAnonymous: true } });
    const events: unknown[] = [];
    const config = { auths: { [registry.host]: basicAuth('ann', 'not-the-password') } };
    await using source = await openSource(reference(registry), {
      ...dockerSetting(t, { config }),
      onRequest: (event) => events.push(event),
    });
    const error = await source.resolve().then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    const shown = `${JSON.stringify(events)} ${error instanceof Error ? error.stack : ''}`;
    t.notMatch(shown, 'not-the-password');
    t.notMatch(shown, basicAuth('ann', 'not-the-password').auth);
    t.match(error, { code: 'ERR_REGISTRY_CLIENT_UNAUTHORIZED' });
  });
}
