/**
 * podman and skopeo read private images of several platforms through the proxy: with a password or a
 * token of their own before one upstream, with the proxy's credentials, and as programs of its host. What
 * cannot work is here, too, as docs/proxy.md says it.
 */
import { formatMirrorSnippet } from '@shoal/registry-proxy/snippets';
import { requireRoot, requireTool } from '@shoal/test-kit';
import t, { type Test } from 'tap';
import {
  type MirrorRegistry,
  openMirrorRegistries,
  REGISTRY_NAMES,
} from '../support/mirror-registries.ts';
import { openMirror } from '../support/mirror-world.ts';
import { CREDENTIALS, PASSWORD, USER } from '../support/registry-user.ts';
import {
  copiesAll,
  type MirrorClientOptions,
  podmanOf,
  pullsAll,
  skopeoOf,
} from './support/mirror-clients.ts';

t.setTimeout(600_000);

const NEEDED = ['skopeo', 'podman', 'docker-registry', 'htpasswd', 'openssl'];
const imageOf = (name: string) => `${name}/app/multi:v1`;
const layersOf = ({ layers }: MirrorRegistry) => [...layers.values()].flat();

t.test('private images', async (t) => {
  if (!requireRoot(t) || !requireTool(t, ...NEEDED)) return;
  const registries = await openMirrorRegistries(t);
  const privates = registries.filter(({ name }) => name !== 'public.test');

  for (const registry of privates) {
    await t.test(`${registry.name} alone, what clients are logged in to`, async (t) => {
      const { host } = await openMirror(t, [registry], 'challenge');
      await askByAddress(t, registry, host);
      await askByName(t, registry, host);
      await logIn(t, registry, host);
    });
  }

  await t.test('several upstreams, logins of the clients', async (t) => {
    const { host } = await openMirror(t, registries, 'challenge');
    for (const registry of registries) {
      const { name } = registry;
      const logins = [host, `${host}/${name}`, name];
      const client = { registries: snippetOf(host), logins };
      // Their ping names no upstream, so none can challenge them: only what is public is read.
      const isRead = name === 'public.test';
      t.equal(await skopeoReads(t, client, registry), isRead, `skopeo, ${name}`);
      t.equal(await pullsAll(podmanOf(t, client), { image: imageOf(name) }), isRead, name);
    }
  });

  for (const mode of ['own', 'node'] as const) {
    await t.test(`several upstreams, ${mode}`, async (t) => {
      const { host } = await openMirror(t, registries, mode);
      // A login for something else makes no difference.
      const client = { registries: snippetOf(host), logins: ['elsewhere.test'] };
      for (const registry of privates) {
        t.ok(await skopeoReads(t, client, registry), `skopeo, ${registry.name}`);
        t.ok(await pullsAll(podmanOf(t, client), { image: imageOf(registry.name) }), 'podman');
      }
    });
  }
});

/** The proxy's address stands in the name of the image. */
async function askByAddress(t: Test, registry: MirrorRegistry, host: string): Promise<void> {
  const skopeo = skopeoOf(t, { registries: '' });
  const layers = layersOf(registry);
  const right = ['--src-creds', CREDENTIALS];
  const wrong = ['--src-creds', `${USER}:wrong`];
  for (const source of [imageOf(host), `${host}/${imageOf(registry.name)}`]) {
    t.ok(await copiesAll(t, skopeo, { source, layers, more: right }), source);
    t.notOk(await copiesAll(t, skopeo, { source, layers, more: wrong }), 'a wrong password');
    t.notOk(await copiesAll(t, skopeo, { source, layers }), 'none');
  }
}

/** `registries.conf` leads from the registry's name to the proxy: logins are looked up by its host. */
async function askByName(t: Test, registry: MirrorRegistry, host: string): Promise<void> {
  const { name } = registry;
  for (const location of [`${host}/${name}`, host]) {
    const registries = mirrorText(name, location);
    for (const [login, isUsed] of [
      [location, true],
      [host, true],
      [name, false],
    ] as const) {
      const client = { registries, logins: [login] };
      t.equal(await skopeoReads(t, client, registry), isUsed, `skopeo: ${location}, ${login}`);
      const pulls = await pullsAll(podmanOf(t, client), { image: imageOf(name) });
      t.equal(pulls, isUsed, `podman: ${location}, ${login}`);
    }
    const given = { image: imageOf(name), more: ['--creds', CREDENTIALS] };
    const podman = podmanOf(t, { registries });
    t.notOk(await pullsAll(podman, given), '--creds are not sent to mirrors');
  }
}

/** What `podman login` writes itself is used, too. */
async function logIn(t: Test, { name }: MirrorRegistry, host: string): Promise<void> {
  const podman = podmanOf(t, { registries: mirrorText(name, `${host}/${name}`) });
  const login = ['--tls-verify=false', '-u', USER, host];
  t.not((await podman('login', '-p', 'wrong', ...login)).exitCode, 0, 'a wrong password');
  t.equal((await podman('login', '-p', PASSWORD, ...login)).exitCode, 0);
  t.ok(await pullsAll(podman, { image: imageOf(name) }));
}

function skopeoReads(
  t: Test,
  client: MirrorClientOptions,
  registry: MirrorRegistry,
): Promise<boolean> {
  const source = imageOf(registry.name);
  return copiesAll(t, skopeoOf(t, client), { source, layers: layersOf(registry) });
}

/** As `--print-config crio` says it. */
function snippetOf(host: string): string {
  return formatMirrorSnippet('crio', { host, upstreams: REGISTRY_NAMES }).text;
}

/** One registry and its mirror. */
function mirrorText(name: string, location: string): string {
  return [
    '[[registry]]',
    `prefix = "${name}"`,
    `location = "${name}"`,
    '[[registry.mirror]]',
    `location = "${location}"`,
    'insecure = true',
    '',
  ].join('\n');
}
