/**
 * The requests of Docker to a mirror, replayed rule by rule against the proxy, which knows nothing at
 * first and has seen it all the second time. The rules and where they are from: support/docker-rules.ts.
 */
import { sha256Digest } from '@shoal/oci';
import { StaticCredentials } from '@shoal/registry-client';
import { RegistryProxy } from '@shoal/registry-proxy';
import { FaultProxy, noiseBytes, requireTool, startDockerRegistry } from '@shoal/test-kit';
import t, { type Test } from 'tap';
import { type Answer, ask } from './support/ask.ts';
import { DOCKER_RULES, type DockerRule, type DockerScene } from './support/docker-rules.ts';
import { pushIndex } from './support/pushed-image.ts';

const USERS = { ann: 'secret' };
const ANN = { kind: 'password', username: 'ann', password: 'secret' } as const;
/** Longer than something is believed to be missing. */
const BELIEVED_MS = 3_000;
const LOGIN = { authorization: `Basic ${btoa('ann:secret')}` };
const LAYER = noiseBytes(3_000_000, 1);

type Hub = {
  readonly mirror: string;
  /** Between the mirror and the registry. */
  readonly wire: FaultProxy;
  /** What the clock of the mirror is ahead. */
  readonly clock: { nowMs: number };
  /** What `{name}` stands for. */
  readonly names: ReadonlyMap<string, string>;
};

if (requireTool(t, 'docker-registry', 'openssl')) {
  for (const scene of ['public', 'private', 'failing'] as const) {
    t.test(`an image that is ${scene}`, async (t) => {
      const rules = DOCKER_RULES.filter((rule) => rule.scene === scene);
      const hub = await openHub(t, scene);
      for (const round of ['cold', 'warm']) {
        for (const rule of rules)
          await t.test(`${round}: ${rule.says}`, (t) => replay(t, hub, rule));
      }
    });
  }
  t.test('an anonymous client gets no token for what is private', async (t) => {
    const { names } = await openHub(t, 'private');
    t.equal(names.get('anonymous'), '');
  });
}

async function replay(
  t: Test,
  { mirror, wire, clock, names }: Hub,
  rule: DockerRule,
): Promise<void> {
  const { method, path, headers = {}, wants, fault } = rule;
  const fill = (text: string) => text.replace(/\{(\w+)\}/g, (_, name) => names.get(name) ?? '?');
  wire.heal();
  if (fault !== undefined) clock.nowMs += BELIEVED_MS;
  if (fault === 'reset') wire.inject({ fault: { kind: 'reset' } });
  else if (fault !== undefined) wire.inject({ fault: { kind: 'status', status: fault } });
  const sent = Object.entries(headers).map(([name, value]) => [name, fill(value)] as const);
  const answer = await ask(mirror, fill(path), { method, headers: Object.fromEntries(sent) });
  t.ok(wants.status.includes(answer.status), `${rule.from}: ${answer.status}`);
  for (const [name, value] of Object.entries(wants.headers ?? {})) {
    const given = answer.headers[name];
    if (value === '*') t.ok(given, `there is ${name}`);
    else if (value === '-') t.equal(given, undefined, `there is no ${name}`);
    else t.equal(given, fill(value), name);
  }
  t.ok(answer.isWhole);
  if (answer.status >= 400 && method === 'GET') t.ok(hasErrors(answer), 'the body says why');
  if (typeof wants.body === 'string') t.equal(sha256Digest(answer.body), fill(wants.body));
  else if (wants.body !== undefined) {
    t.ok(answer.body.equals(LAYER.subarray(wants.body.layerFrom)), 'the rest of the layer');
  }
}

/** A registry in the place of Docker Hub, its image, and the mirror that Docker is told of. */
async function openHub(t: Test, scene: DockerScene): Promise<Hub> {
  const noAnonymous = scene === 'private';
  const registry = await startDockerRegistry(t, { token: { users: USERS, noAnonymous } });
  const { host } = registry;
  const index = await pushIndex(`${host}/library/app:latest`, LAYER, {
    plainHttp: true,
    credentialSources: [new StaticCredentials(new Map([[host, ANN]]))],
  });
  const wire = await FaultProxy.listen(t, host);
  const clock = { nowMs: 0 };
  const mirror = await RegistryProxy.listen({
    port: 0,
    clock: () => clock.nowMs,
    upstreams: [
      { name: 'ghcr.io', address: 'http://127.0.0.1:9' },
      { name: 'docker.io', address: `http://${wire.host}` },
    ],
  });
  t.teardown(() => mirror.close());
  const { headers } = await ask(mirror.host, '/v2/', {
    headers: { 'user-agent': 'docker/24.0.7 UpstreamClient()' },
  });
  const challenge = `${headers['www-authenticate']}`;
  const {
    index: { digest, size },
    manifest,
    config,
    layer,
  } = index;
  const names = new Map([
    ['index', digest],
    ['indexSize', `${size}`],
    ['manifest', manifest.digest],
    ['config', config.digest],
    ['layer', layer.digest],
    ['layerSize', `${layer.size}`],
    ['layerLast', `${layer.size - 1}`],
    ['anonymous', await fetchToken(challenge, 'app', {})],
    ['login', await fetchToken(challenge, 'app', LOGIN)],
    ['elsewhere', await fetchToken(challenge, 'other', LOGIN)],
  ]);
  return { mirror: mirror.host, wire, clock, names };
}

/** As the ping has said where; empty where none is given. */
async function fetchToken(
  challenge: string,
  name: string,
  headers: Readonly<Record<string, string>>,
): Promise<string> {
  const [, realm = '', service = ''] = /realm="([^"]+)",service="([^"]+)"/.exec(challenge) ?? [];
  const url = new URL(realm);
  url.searchParams.set('service', service);
  url.searchParams.set('scope', `repository:library/${name}:pull`);
  const answer = await fetch(url, { headers });
  if (answer.status !== 200) return '';
  const granted: { token: string } = JSON.parse(await answer.text());
  return granted.token;
}

function hasErrors({ body }: Answer): boolean {
  const document: unknown = JSON.parse(body.toString('utf8'));
  const { errors } = Object(document);
  return Array.isArray(errors) && errors.length > 0;
}
