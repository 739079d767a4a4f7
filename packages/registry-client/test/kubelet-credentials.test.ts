/** kubelet's credential providers: which are run for which image, what is kept, what goes wrong. */
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { KubeletCredentials } from '@shoal/registry-client';
import { type TestScope, temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { isImageMatched } from '../src/auth/image-pattern.ts';
import { decodeKubeletConfig } from '../src/auth/kubelet-config.ts';
import { PROVIDER_PAUSE_MS, PROVIDER_RUNS_MAX } from '../src/limits.ts';
import { password } from './support/fixed-source.ts';

const VERSION = 'credentialprovider.kubelet.k8s.io/v1';

/** A provider whose runs are written to `runs`: its request, and what else the script says. */
function providers(t: TestScope, scripts: Readonly<Record<string, string>>, config: string) {
  const directory = temporaryDirectory(t);
  for (const [name, script] of Object.entries(scripts)) {
    const path = join(directory, name);
    writeFileSync(path, `#!/bin/sh\nread -r line; echo "$line" >>${directory}/runs\n${script}\n`);
    chmodSync(path, 0o755);
  }
  const configFile = join(directory, 'config.yaml');
  writeFileSync(configFile, config);
  const runs = () => {
    const file = join(directory, 'runs');
    return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
  };
  const source = new KubeletCredentials({
    configFile,
    binDirectory: directory,
    env: { PATH: '/usr/bin:/bin' },
  });
  const find = (image: string, isAnew = false) => {
    const slash = image.indexOf('/');
    const [registry, repository] = [image.slice(0, slash), image.slice(slash + 1)];
    return source.find({ registry, repository, isAnew });
  };
  return { find, runs, directory };
}

function answer(fields: object): string {
  const response = { kind: 'CredentialProviderResponse', apiVersion: VERSION, ...fields };
  return `cat <<'END'\n${JSON.stringify(response)}\nEND`;
}

function config(...entries: readonly string[]): string {
  return [
    'apiVersion: kubelet.config.k8s.io/v1',
    'kind: CredentialProviderConfig',
    'providers:',
    ...entries,
  ].join('\n');
}

function provider(name: string, match: string, more = ''): string {
  return [
    `- name: ${name}`,
    `  matchImages: [${JSON.stringify(match)}]`,
    '  defaultCacheDuration: "12h"',
    `  apiVersion: ${VERSION}`,
    more,
  ].join('\n');
}

t.test('patterns', async (t) => {
  const yes = [
    ['*.azurecr.io', 'x.azurecr.io/a'],
    ['gcr.io', 'gcr.io/a/b'],
    ['*.*.registry.io', 'a.b.registry.io/x'],
    ['registry.io:8080/path', 'registry.io:8080/path/x'],
    ['app*.k8s.io', 'app1.k8s.io/x'],
    ['k8s.*', 'k8s.io/x'],
    ['https://gcr.io', 'gcr.io/a'],
    ['h?st', 'host/a'],
  ];
  const no = [
    ['*.io', 'a.k8s.io/x'],
    ['gcr.io', 'gcr.io:443/a'],
    ['registry.io:8080', 'registry.io/a'],
    ['registry.io/path', 'registry.io/other'],
    ['*.azurecr.io', 'azurecr.io/a'],
    ['{a,gcr}.io', 'gcr.io/a'],
  ];
  for (const [pattern = '', image = ''] of yes) t.ok(isImageMatched(pattern, image), pattern);
  for (const [pattern = '', image = ''] of no) t.notOk(isImageMatched(pattern, image), pattern);
  t.notOk(isImageMatched(`${'*a'.repeat(500)}b`, `${'a'.repeat(5000)}/x`));
});

t.test('configurations that cannot be used are named', async (t) => {
  const wrong: readonly (readonly [string, RegExp])[] = [
    ['{', /not YAML/],
    ['kind: X', /apiVersion/],
    [config(), /providers/],
    [config(provider('../x', 'a')), /providers\.0\.name/],
    [config(provider('x', 'a').replace('12h', 'soon')), /defaultCacheDuration/],
    [config(provider('x', 'a').replace(VERSION, 'v9')), /apiVersion/],
    ['a: &a [1]\nb: [*a, *a]', /not YAML|apiVersion/],
  ];
  for (const [text, message] of wrong) {
    await t.rejects(decodeKubeletConfig(text, '/f.yaml'), {
      code: 'ERR_REGISTRY_CLIENT_CONFIG',
      message,
    });
    await t.rejects(decodeKubeletConfig(text, '/f.yaml'), { message: /\/f\.yaml/ });
  }
  const [first] = await decodeKubeletConfig(
    config(provider('x', 'a', '  env: [{name: A, value: b}]')),
    'f',
  );
  t.match(first, {
    name: 'x',
    defaultCacheDuration: 12 * 3_600_000,
    env: [{ name: 'A', value: 'b' }],
  });
});

t.test('a provider gets the image and its environment, and its answer is kept', async (t) => {
  const auth = {
    'r.example': { username: 'u', password: 'all' },
    'r.example/team': { username: 'u', password: 'team' },
    'other.example': { username: 'u', password: 'other' },
  };
  const script = `echo "$1 $WHO" >>"$(dirname "$0")/facts"\n${answer({ cacheKeyType: 'Registry', cacheDuration: '1h', auth })}`;
  const more = '  args: [get]\n  env: [{name: WHO, value: me}]';
  const { find, runs, directory } = providers(
    t,
    { p: script },
    config(provider('p', '*.example', more)),
  );
  t.same(await find('r.example/team/x'), [password('u', 'team'), password('u', 'all')]);
  t.same(await find('r.example/x'), [password('u', 'all')]);
  t.same(await find('elsewhere.org/x'), []);
  t.same(
    runs().map((line) => JSON.parse(line)),
    [{ kind: 'CredentialProviderRequest', apiVersion: VERSION, image: 'r.example/team/x' }],
  );
  t.equal(readFileSync(join(directory, 'facts'), 'utf8'), 'get me\n');
  await find('s.example/x');
  t.equal(runs().length, 2, 'another registry is another question');
  await sleep(PROVIDER_PAUSE_MS);
  await find('r.example/x', true);
  t.equal(runs().length, 3, 'refused credentials are asked for anew');
  await Promise.all(['a', 'a', 'a'].map((name) => find(`t.example/${name}`)));
  t.equal(runs().length, 4, 'one run for all who wait');
});

t.test('many images of one registry at once are few runs', async (t) => {
  const auth = { 'r.example': { username: 'u', password: 'p' } };
  const script = answer({ cacheKeyType: 'Registry', auth });
  const { find, runs } = providers(t, { p: script }, config(provider('p', 'r.example')));
  const images = Array.from({ length: 40 }, (_, index) => find(`r.example/${index}`));
  for (const found of await Promise.all(images)) t.same(found, [password('u', 'p')]);
  t.ok(runs().length <= PROVIDER_RUNS_MAX);
});

t.test('how long an answer is kept', async (t) => {
  const auth = { 'r.example': { username: 'u', password: 'p' } };
  const scripts = {
    never: answer({ cacheKeyType: 'Image', cacheDuration: '0s', auth }),
    image: answer({ cacheKeyType: 'Image', auth }),
    global: answer({ cacheKeyType: 'Global', auth }),
  };
  const count = async (name: string) => {
    const { find, runs } = providers(t, scripts, config(provider(name, 'r.example')));
    for (const image of ['a', 'a', 'b']) t.equal((await find(`r.example/${image}`)).length, 1);
    return runs().length;
  };
  t.equal(await count('never'), 3);
  t.equal(await count('image'), 2);
  t.equal(await count('global'), 1);
});

t.test('providers that fail: bounded, told apart, no storm, no secrets', async (t) => {
  const scripts = {
    broken: 'exit 7',
    nonsense: 'echo no',
    huge: 'head -c 1000000 /dev/zero; sleep 100',
    old: answer({ cacheKeyType: 'Image' }).replace('k8s.io/v1', 'k8s.io/v1beta1'),
    good: answer({
      cacheKeyType: 'Image',
      auth: { 'r.example': { username: 'u', password: 'p' } },
    }),
  };
  const bad: readonly (readonly [string, RegExp])[] = [
    ['broken', /broken failed for r\.example\/x \(status 7\)/],
    ['nonsense', /no .* response/],
    ['huge', /too much/],
    ['old', /no .*\/v1 response/],
    ['absent', /cannot be run/],
  ];
  for (const [name, message] of bad) {
    const { find, runs } = providers(t, scripts, config(provider(name, 'r.example')));
    const wanted = { code: 'ERR_REGISTRY_CLIENT_CREDENTIAL_HELPER', message };
    await t.rejects(find('r.example/x'), wanted);
    await t.rejects(find('r.example/x'), wanted);
    t.ok(runs().length <= 1, `${name} is not run again at once`);
    const both = config(provider(name, 'r.example'), provider('good', 'r.example'));
    t.same(await providers(t, scripts, both).find('r.example/x'), [password('u', 'p')]);
  }
  const tokens = config(
    provider('good', 'r.example', '  tokenAttributes: {serviceAccountTokenAudience: x}'),
  );
  await t.rejects(providers(t, scripts, tokens).find('r.example/x'), {
    message: /service account/,
  });
});
