/**
 * skopeo and podman with a configuration of the test's own: registries that lead to a proxy and nowhere
 * else, and logins by the host that they are looked up for.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Descriptor } from '@shoal/oci';
import {
  type CommandResult,
  runCommand,
  type TestScope,
  temporaryDirectory,
} from '@shoal/test-kit';
import { PLATFORMS } from '../../support/mirror-registries.ts';
import { CREDENTIALS } from '../../support/registry-user.ts';

export type MirrorClientOptions = {
  /** Text of `registries.conf`. */
  readonly registries: string;
  /** What the client is logged in to: `host[:port][/path]`. @default nothing */
  readonly logins?: readonly string[];
};

export type Skopeo = (...args: string[]) => Promise<CommandResult>;
export type Podman = (verb: string, ...args: string[]) => Promise<CommandResult>;

export type CopyOptions = {
  /** `host/repository:tag`. */
  readonly source: string;
  readonly layers: readonly Descriptor[];
  /** Flags of `skopeo copy`. @default none */
  readonly more?: readonly string[];
};

/** Any exit code is a result. */
export function skopeoOf(t: TestScope, options: MirrorClientOptions): Skopeo {
  const { env, registries } = environmentOf(t, options);
  const first = ['--registries-conf', registries, '--insecure-policy'];
  return (...args) => runCommand('skopeo', [...first, ...args], { env });
}

/** With storage of its own; any exit code is a result. Needs root. */
export function podmanOf(t: TestScope, options: MirrorClientOptions): Podman {
  const { env, directory } = environmentOf(t, options);
  const policy = join(directory, 'policy.json');
  writeFileSync(policy, JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] }));
  const own = [
    ...['--root', join(directory, 'root'), '--runroot', join(directory, 'run')],
    ...['--storage-driver', 'vfs', '--cgroup-manager', 'cgroupfs', '--events-backend', 'none'],
  ];
  return (verb, ...args) => {
    const more = verb === 'pull' ? ['--signature-policy', policy] : [];
    return runCommand('podman', [...own, verb, ...more, ...args], { env });
  };
}

/** Copies all platforms into a layout; gives whether every byte of these layers has come. */
export async function copiesAll(
  t: TestScope,
  skopeo: Skopeo,
  { source, layers, more = [] }: CopyOptions,
): Promise<boolean> {
  const directory = join(temporaryDirectory(t), 'layout');
  const { exitCode } = await skopeo(
    ...['copy', '-q', '--all', '--preserve-digests', '--src-tls-verify=false', ...more],
    ...[`docker://${source}`, `oci:${directory}:v1`],
  );
  if (exitCode !== 0) return false;
  return layers.every(({ digest, size }) => {
    const file = join(directory, 'blobs', 'sha256', digest.slice('sha256:'.length));
    return existsSync(file) && readFileSync(file).byteLength === size;
  });
}

/** Pulls each platform; gives whether podman then has it. */
export async function pullsAll(
  podman: Podman,
  { image, more = [] }: { readonly image: string; readonly more?: readonly string[] },
): Promise<boolean> {
  for (const architecture of PLATFORMS) {
    const platform = ['--platform', `linux/${architecture}`];
    const pulled = await podman('pull', '-q', ...platform, ...more, image);
    if (pulled.exitCode !== 0) return false;
    const { stdout } = await podman('image', 'inspect', image);
    if (!stdout.includes(`"Architecture": "${architecture}"`)) return false;
    await podman('image', 'rm', '-f', image);
  }
  return true;
}

function environmentOf(t: TestScope, { registries, logins = [] }: MirrorClientOptions) {
  const directory = temporaryDirectory(t);
  const file = join(directory, 'registries.conf');
  writeFileSync(file, registries);
  const docker = join(directory, 'docker');
  mkdirSync(docker);
  const authFile = join(docker, 'config.json');
  const auth = Buffer.from(CREDENTIALS).toString('base64');
  const auths = Object.fromEntries(logins.map((login) => [login, { auth }]));
  writeFileSync(authFile, JSON.stringify({ auths }));
  const env = {
    ...process.env,
    CONTAINERS_REGISTRIES_CONF: file,
    DOCKER_CONFIG: docker,
    REGISTRY_AUTH_FILE: authFile,
  };
  return { env, directory, registries: file };
}
