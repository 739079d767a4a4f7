/** Credential sources in order: who is asked when, what is kept, what is tried after a refusal. */
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { MediaType, parseReference } from '@shoal/oci';
import {
  type CredentialSource,
  createRegistryClient,
  openSource,
  openTarget,
  StaticCredentials,
} from '@shoal/registry-client';
import {
  type DockerRegistryOptions,
  noiseBytes,
  requireTool,
  serveOnLoopback,
  startDockerRegistry,
  type TestScope,
  temporaryDirectory,
} from '@shoal/test-kit';
import t from 'tap';
import { CredentialChain } from '../src/auth/credential-chain.ts';
import { EndpointPool } from '../src/registry/endpoint-pool.ts';
import { FixedSource, password } from './support/fixed-source.ts';
import { writeImage } from './support/image-target-suite.ts';

const place = { registry: 'r.example', repository: 'a/b' };

t.test('sources are asked in order; what is refused is passed over', async (t) => {
  const none = new FixedSource(() => []);
  const two = new FixedSource(() => [password('a', '1'), password('b', '2')]);
  let secret = 'old';
  const kept = new FixedSource(({ isAnew }) => {
    if (isAnew) secret = 'new';
    return [password('c', secret)];
  }, true);
  const chain = new CredentialChain([none, two, kept]);
  const refused = [password('a', '1')];
  t.same((await chain.lookup(place)).credentials, password('a', '1'));
  t.same(none.questions, [{ ...place, isAnew: false }]);
  t.same((await chain.lookup(place, refused)).credentials, password('b', '2'));
  refused.push(password('b', '2'));
  t.match(await chain.lookup(place, refused), {
    credentials: password('c', 'old'),
    isRemembered: true,
  });
  t.notOk(kept.questions.some(({ isAnew }) => isAnew));
  refused.push(password('c', 'old'));
  t.same((await chain.lookup(place, refused)).credentials, password('c', 'new'), 'asked anew');
  refused.push(password('c', 'new'));
  t.same(await chain.lookup(place, refused), { credentials: undefined, failure: undefined });
});

t.test('passwords and tokens of a configuration, and files that hold them', async (t) => {
  const directory = temporaryDirectory(t);
  const file = (name: string, text: string) => {
    writeFileSync(join(directory, name), text);
    return join(directory, name);
  };
  const secret = file('secret', 'one\n');
  const source = new StaticCredentials(
    new Map([
      ['a.example', { kind: 'password', username: 'u', password: 'p' }],
      ['b.example:5000', { kind: 'password-file', username: 'u', file: secret }],
      ['c.example', { kind: 'identity-token-file', file: file('token', 'refresh') }],
      ['d.example', { kind: 'password-file', username: 'u', file: file('two', 'one\ntwo\n') }],
      ['e.example', { kind: 'password-file', username: 'u', file: join(directory, 'absent') }],
    ]),
  );
  const find = (registry: string) => source.find({ registry, repository: 'x', isAnew: false });
  t.same(await find('a.example'), [password('u', 'p')]);
  t.same(await find('b.example:5000'), [password('u', 'one')]);
  writeFileSync(secret, 'two');
  t.same(await find('b.example:5000'), [password('u', 'two')], 'a new secret counts at once');
  t.same(await find('c.example'), [{ kind: 'identity-token', token: 'refresh' }]);
  t.same(await find('b.example'), []);
  await t.rejects(find('d.example'), { code: 'ERR_REGISTRY_CLIENT_CONFIG', message: /two/ });
  await t.rejects(find('e.example'), { code: 'ERR_REGISTRY_CLIENT_FILE', message: /absent/ });
});

/** A registry that wants a password and says 403 to those that have ended, as Amazon's does. */
async function startForgetful(t: TestScope, isGood: (authorization: string) => boolean) {
  const seen: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    const { authorization } = request.headers;
    seen.push(authorization);
    if (authorization === undefined) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="r"' }).end();
    } else if (isGood(authorization)) {
      const manifest = { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: [] };
      response.writeHead(200, { 'content-type': MediaType.ociIndex });
      response.end(JSON.stringify(manifest));
    } else {
      response.writeHead(403).end('{"errors":[{"code":"DENIED","message":"it has expired"}]}');
    }
  });
  const host = await serveOnLoopback(t, server);
  return { host, reference: parseReference(`${host}/a/b:v1`), seen };
}

t.test('403 may mean that credentials have ended: they are asked for anew', async (t) => {
  let good = 'one';
  const header = (secret: string) => `Basic ${Buffer.from(`AWS:${secret}`).toString('base64')}`;
  const { host, reference, seen } = await startForgetful(t, (sent) => sent === header(good));
  let kept = 'one';
  const source = new FixedSource(({ isAnew }) => {
    if (isAnew) kept = good;
    return [password('AWS', kept)];
  }, true);
  await using store = await openSource(reference, { credentialSources: [source] });
  t.ok(await store.resolve());
  good = 'two';
  t.ok(await store.resolve(), 'with new credentials');
  t.equal(seen.at(-1), header('two'));
  await store.resolve();
  const before = seen.length;
  good = 'nobody knows';
  kept = 'two';
  const stubborn = new FixedSource(() => [password('AWS', 'two')], true);
  // However long a loaded machine takes for twenty requests, they are of one moment.
  const pool = new EndpointPool({ credentialSources: [stubborn] }, () => 0);
  t.teardown(() => pool.close());
  const other = pool.endpoint({ registry: host, repository: 'a/b' });
  const ask = () =>
    other.callForDocument(
      { method: 'GET', target: '/v2/a/b/manifests/v1', scopes: [], accept: [200], subject: 'a/b' },
      1000,
    );
  const denied = { code: 'ERR_REGISTRY_CLIENT_DENIED', message: /it has expired/ };
  await t.rejects(ask(), denied);
  await Promise.all(Array.from({ length: 20 }, () => t.rejects(ask(), denied)));
  t.ok(stubborn.questions.length <= 6, 'those that are refused together ask once');
  t.ok(seen.length > before);
});

if (requireTool(t, 'docker-registry', 'openssl', 'htpasswd')) {
  const users = { ann: 'secret', bob: 'other' };
  const kinds: Readonly<Record<string, DockerRegistryOptions>> = {
    htpasswd: { htpasswd: users },
    token: { token: { users, noAnonymous: true } },
  };
  for (const [kind, options] of Object.entries(kinds)) {
    t.test(`refused credentials make place for those of the next source (${kind})`, async (t) => {
      const registry = await startDockerRegistry(t, options);
      const reference = parseReference(`${registry.host}/a/b:v1`);
      const open = (credentialSources: readonly CredentialSource[]) =>
        openSource(reference, { credentialSources });
      const good = new FixedSource(() => [password('ann', 'secret')]);
      const bad = new FixedSource(() => [password('ann', 'wrong'), password('eve', 'wrong')]);
      await using target = await openTarget(reference, { credentialSources: [good] });
      await writeImage(target, [noiseBytes(1000, 51)]);
      await using source = await open([new FixedSource(() => []), bad, good]);
      t.ok(await source.resolve());
      t.match(good.questions.at(-1), { registry: registry.host, repository: 'a/b' });
      await using refused = await open([bad]);
      await t.rejects(refused.resolve(), { code: 'ERR_REGISTRY_CLIENT_UNAUTHORIZED' });
    });
  }

  t.test('credentials that expired are asked for anew, once', async (t) => {
    const registry = await startDockerRegistry(t, kinds['token']);
    const reference = parseReference(`${registry.host}/a/b:v1`);
    let current = 'wrong';
    const source = new FixedSource(({ isAnew }) => {
      if (isAnew) current = 'secret';
      return [password('ann', current)];
    }, true);
    await using target = await openTarget(reference, { credentialSources: [source] });
    await writeImage(target, [noiseBytes(10, 52)]);
    t.equal(source.questions.filter(({ isAnew }) => isAnew).length, 1);
  });

  t.test('tokens that expire are renewed while a client reads', async (t) => {
    const lifetimeSeconds = 6;
    const registry = await startDockerRegistry(t, {
      token: { users, noAnonymous: true, lifetimeSeconds },
    });
    const reference = parseReference(`${registry.host}/a/b:v1`);
    const source = new FixedSource(() => [password('ann', 'secret')]);
    await using client = createRegistryClient({ credentialSources: [source] });
    await using target = await (async () => client.openTarget(must(reference)))();
    const { manifest } = await writeImage(target, [noiseBytes(5000, 53)]);
    const [layer] = manifest.layers;
    if (layer === undefined) throw new Error('no layer');
    await using store = await openSource(reference, { client });
    const asked = () => registry.tokenServer?.requests.length ?? 0;
    t.equal((await store.readBlobRange(layer, 0, 10)).byteLength, 10);
    const before = asked();
    const giveUpAt = Date.now() + 60_000;
    while (asked() === before && Date.now() < giveUpAt) {
      t.equal((await store.readBlobRange(layer, 5, 10)).byteLength, 10);
    }
    t.ok(asked() > before, 'a token was renewed before it ended');
  });

  t.test('a public image stays readable with remembered credentials that have ended', async (t) => {
    const registry = await startDockerRegistry(t, { token: { users } });
    const reference = parseReference(`${registry.host}/a/b:v1`);
    const ann = new FixedSource(() => [password('ann', 'secret')]);
    await using target = await openTarget(reference, { credentialSources: [ann] });
    await writeImage(target, [noiseBytes(10, 54)]);
    const ended = new FixedSource(() => [password('ann', 'ended')], true);
    await using source = await openSource(reference, { credentialSources: [ended] });
    t.ok(await source.resolve());
    const said = new FixedSource(() => [password('ann', 'ended')]);
    await using strict = await openSource(reference, { credentialSources: [said] });
    await t.rejects(strict.resolve(), { code: 'ERR_REGISTRY_CLIENT_UNAUTHORIZED' });
  });

  t.test('repositories of one registry have credentials of their own', async (t) => {
    const registry = await startDockerRegistry(t, kinds['htpasswd']);
    const asked: (string | undefined)[] = [];
    const source = new FixedSource(({ repository }) => {
      asked.push(repository);
      return [repository === 'a/b' ? password('ann', 'secret') : password('bob', 'other')];
    });
    await using client = createRegistryClient({ credentialSources: [source] });
    for (const repository of ['a/b', 'c/d']) {
      await using target = await client.openTarget(
        must(parseReference(`${registry.host}/${repository}:v1`)),
      );
      await writeImage(target, [noiseBytes(10, 55)]);
    }
    t.same([...new Set(asked)], ['a/b', 'c/d']);
  });
}

function must(reference: ReturnType<typeof parseReference>) {
  if (reference.kind !== 'registry') throw new Error('no registry');
  return reference;
}
