/**
 * What tests of the real nydusd before a mirror have in common: a converted image, mounts of it, and registries
 * that have it: public, with a password and with tokens.
 */
import { join } from 'node:path';
import type { ProxyEvent } from '@shoal/registry-proxy';
import {
  buildTortureLayout,
  type DockerRegistry,
  type DockerRegistryOptions,
  requireMounts,
  requireNydus,
  requireTool,
  runChecked,
  startDockerRegistry,
  temporaryDirectory,
} from '@shoal/test-kit';
import type { Test } from 'tap';
import { takeApart } from '../../support/converted-layout.ts';
import { differencesFrom, unpackReference } from '../../support/reference-tree.ts';
import { CREDENTIALS, USERS } from '../../support/registry-user.ts';
import { runShoal } from '../../support/shoal-command.ts';
import { mountWithNydusd, NYDUSD_LISTING, type NydusBackend } from './nydusd-mount.ts';

export const NYDUS_REPOSITORY = 'shoal/app';
/** Nobody finds that name: what is not got from the proxy is not got. */
export const UPSTREAM_NAME = 'registry.test';

export const REGISTRY_KINDS = ['public', 'password', 'tokens'] as const;
export type RegistryKind = (typeof REGISTRY_KINDS)[number];

export type RegistryBackend = Omit<NydusBackend & { readonly type: 'registry' }, 'type'>;

export type NydusRegistries = {
  /** It has the image, and ends with the test. */
  start(t: Test, kind: RegistryKind): Promise<DockerRegistry>;
  /** Gives the mountpoint. */
  mount(t: Test, backend: RegistryBackend): Promise<string>;
  /** From what umoci unpacks. Throws when something cannot be read. */
  differences(mountpoint: string): Promise<readonly string[]>;
};

const TOOLS = ['umoci', 'getfattr', 'skopeo', 'docker-registry', 'htpasswd', 'openssl'];

const OPTIONS: Readonly<Record<RegistryKind, DockerRegistryOptions>> = {
  public: {},
  password: { htpasswd: USERS },
  tokens: { token: { users: USERS, noAnonymous: true } },
};

/** Undefined where something is missing that it needs; the test is then skipped. */
export async function openNydusRegistries(t: Test): Promise<NydusRegistries | undefined> {
  const nydus = requireNydus(t);
  if (nydus === undefined || !requireMounts(t) || !requireTool(t, ...TOOLS)) return undefined;
  const directory = temporaryDirectory(t);
  const source = buildTortureLayout(join(directory, 'source'));
  const reference = await unpackReference(source, join(directory, 'bundle'));
  const converted = join(directory, 'converted');
  await runShoal(['convert', '--source', `oci:${source}`, '--target', `oci:${converted}`]);
  const { bootstrap } = takeApart(converted, join(directory, 'parts'));
  let mounts = 0;
  return {
    start: async (t, kind) => {
      const registry = await startDockerRegistry(t, OPTIONS[kind]);
      await push(converted, registry);
      return registry;
    },
    mount: (t, backend) =>
      mountWithNydusd(t, {
        ...{ program: nydus.daemon, bootstrap, directory: join(directory, `nydusd-${mounts++}`) },
        backend: { type: 'registry', ...backend },
      }),
    differences: (mountpoint) => differencesFrom(reference, mountpoint, NYDUSD_LISTING),
  };
}

async function push(converted: string, { host }: DockerRegistry): Promise<void> {
  const access = ['--dest-tls-verify=false', '--dest-creds', CREDENTIALS];
  const target = `docker://${host}/${NYDUS_REPOSITORY}:lazy`;
  const copy = ['--insecure-policy', 'copy', '-q', ...access, `oci:${converted}:latest`, target];
  await runChecked('skopeo', copy);
}

/** Ranges of blobs that a mirror has answered. */
export function countReads(events: readonly ProxyEvent[]): number {
  return events.filter(({ kind, status }) => kind === 'blobs' && status === 206).length;
}
