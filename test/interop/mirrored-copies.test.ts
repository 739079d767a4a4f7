/**
 * skopeo and podman read through the proxy, told by the registries.conf that `--print-config crio`
 * writes, and by its path form: public and private images, all platforms.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RegistryProxy } from '@shoal/registry-proxy';
import { formatMirrorSnippet } from '@shoal/registry-proxy/snippets';
import {
  type CommandResult,
  requireRoot,
  requireTool,
  runChecked,
  runCommand,
  temporaryDirectory,
} from '@shoal/test-kit';
import t, { type Test } from 'tap';
import {
  type MirrorWorld,
  openMirrorWorld,
  PASSWORD,
  PLATFORMS,
  USER,
} from '../support/mirror-world.ts';

const REGISTRIES = ['public.test', 'basic.test', 'token.test'] as const;
const NEEDED = ['docker-registry', 'htpasswd', 'openssl'];

t.test('skopeo copies all platforms, by the path and by registries.conf', async (t) => {
  if (!requireTool(t, 'skopeo', ...NEEDED)) return;
  const world = await openMirrorWorld(t, 'own');
  const env = mirrorEnvironment(t, world);
  const registries = env['CONTAINERS_REGISTRIES_CONF'] ?? '';
  for (const registry of REGISTRIES) {
    for (const name of [`${world.proxy.host}/${registry}`, registry]) {
      const directory = join(temporaryDirectory(t), 'layout');
      await runChecked(
        'skopeo',
        [
          ...[
            '--registries-conf',
            registries,
            '--insecure-policy',
            'copy',
            '-q',
            '--all',
            '--preserve-digests',
            '--src-tls-verify=false',
          ],
          ...[`docker://${name}/app/multi:v1`, `oci:${directory}:v1`],
        ],
        { env },
      );
      for (const { digest, size } of [...world.layers.values()].flat()) {
        const file = join(directory, 'blobs', 'sha256', digest.slice('sha256:'.length));
        t.equal(readFileSync(file).byteLength, size, `${name}: ${digest}`);
      }
    }
  }
});

t.test('a password of the client itself goes to the upstream, and no other gets in', async (t) => {
  if (!requireTool(t, 'skopeo', ...NEEDED)) return;
  const world = await openMirrorWorld(t, 'challenge');
  const address = world.addresses.get('basic.test');
  await using single = await RegistryProxy.listen({
    port: 0,
    upstreams: [{ name: 'basic.test', address }],
  });
  const inspect = (host: string, registry: string, ...more: string[]) =>
    runCommand('skopeo', [
      ...['inspect', '--raw', '--tls-verify=false', ...more],
      `docker://${host}/${registry}/app/multi:v1`,
    ]);
  const right = ['--creds', `${USER}:${PASSWORD}`];
  t.equal((await inspect(single.host, 'basic.test', ...right)).exitCode, 0);
  t.not((await inspect(single.host, 'basic.test', '--creds', `${USER}:wrong`)).exitCode, 0);
  t.not((await inspect(single.host, 'basic.test')).exitCode, 0);
  // Of several registries a ping by skopeo names none: nothing private is asked for with a password.
  t.equal((await inspect(world.proxy.host, 'public.test')).exitCode, 0);
  for (const registry of ['basic.test', 'token.test']) {
    t.not((await inspect(world.proxy.host, registry)).exitCode, 0);
  }
});

t.test('podman pulls', async (t) => {
  if (!requireRoot(t) || !requireTool(t, 'podman', ...NEEDED)) return;
  const world = await openMirrorWorld(t, 'own');
  const env = mirrorEnvironment(t, world);
  const podman = podmanOf(t, env);
  for (const registry of REGISTRIES) {
    for (const architecture of PLATFORMS) {
      const image = `${registry}/app/multi:v1`;
      world.events.length = 0;
      await podman('pull', '-q', '--platform', `linux/${architecture}`, image);
      const { stdout } = await podman('image', 'inspect', image);
      t.match(JSON.parse(stdout), [{ Architecture: architecture }], `${image}, ${architecture}`);
      const fetched = world.events.filter(({ kind, status }) => kind === 'blobs' && status === 200);
      t.ok(fetched.length > 0, 'through the proxy');
      await podman('image', 'rm', '-f', image);
    }
  }
});

/** The names of the registries lead to the proxy, and nowhere else. */
function mirrorEnvironment(t: Test, { proxy }: MirrorWorld): NodeJS.ProcessEnv {
  const directory = temporaryDirectory(t);
  const registries = join(directory, 'registries.conf');
  const { host } = proxy;
  writeFileSync(registries, formatMirrorSnippet('crio', { host, upstreams: REGISTRIES }).text);
  const docker = join(directory, 'docker');
  mkdirSync(docker);
  writeFileSync(join(docker, 'config.json'), JSON.stringify({ auths: {} }));
  return {
    ...process.env,
    CONTAINERS_REGISTRIES_CONF: registries,
    DOCKER_CONFIG: docker,
    REGISTRY_AUTH_FILE: join(docker, 'config.json'),
  };
}

/** With storage of its own. */
function podmanOf(t: Test, env: NodeJS.ProcessEnv): (...args: string[]) => Promise<CommandResult> {
  const directory = temporaryDirectory(t);
  const policy = join(directory, 'policy.json');
  writeFileSync(policy, JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] }));
  const own = [
    ...['--root', join(directory, 'root'), '--runroot', join(directory, 'run')],
    ...['--storage-driver', 'vfs', '--cgroup-manager', 'cgroupfs', '--events-backend', 'none'],
  ];
  return (...args) => {
    const [verb = ''] = args;
    const more = verb === 'pull' ? ['--signature-policy', policy] : [];
    return runChecked('podman', [...own, verb, ...more, ...args.slice(1)], { env });
  };
}
