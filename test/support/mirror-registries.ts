/**
 * Three registries that nobody can reach by their names (public, htpasswd, tokens), each with an image
 * of its own for two platforms that nobody has converted.
 */
import {
  type Descriptor,
  encodeManifest,
  MediaType,
  parseReference,
  sha256Digest,
} from '@shoal/oci';
import { type ImageTarget, openTarget, StaticCredentials } from '@shoal/registry-client';
import {
  type DockerRegistry,
  type DockerRegistryOptions,
  noise,
  startDockerRegistry,
  type TestScope,
  writeTar,
} from '@shoal/test-kit';
import { ANN, USERS } from './registry-user.ts';

export const PLATFORMS = ['amd64', 'arm64'] as const;
export const REGISTRY_NAMES = ['public.test', 'basic.test', 'token.test'] as const;

export type RegistryName = (typeof REGISTRY_NAMES)[number];

export type MirrorRegistry = Pick<DockerRegistry, 'host' | 'tokenServer'> & {
  readonly name: RegistryName;
  /** Where its token service is, for who has to be told that it may be asked. */
  readonly redirectHosts: readonly string[];
  /** Layers of its image, by architecture; no other registry has them. */
  readonly layers: ReadonlyMap<string, readonly Descriptor[]>;
};

const LARGE_BYTES = 24_000_000;
const SMALL_BYTES = 1000;
const OPTIONS: Readonly<Record<RegistryName, DockerRegistryOptions>> = {
  'public.test': {},
  'basic.test': { htpasswd: USERS },
  'token.test': { token: { users: USERS, noAnonymous: true } },
};

/** The image is `app/multi:v1`. Needs docker-registry, htpasswd and openssl. */
export async function openMirrorRegistries(t: TestScope): Promise<readonly MirrorRegistry[]> {
  const registries: MirrorRegistry[] = [];
  for (const name of REGISTRY_NAMES) {
    const { host, tokenServer } = await startDockerRegistry(t, OPTIONS[name]);
    const redirectHosts = tokenServer === undefined ? [] : [new URL(tokenServer.realm).host];
    const reference = parseReference(`${host}/app/multi:v1`);
    const credentialSources = [new StaticCredentials(new Map([[host, ANN]]))];
    await using target = await openTarget(reference, { plainHttp: true, credentialSources });
    const layers = await pushImages(target, name);
    registries.push({ name, host, tokenServer, redirectHosts, layers });
  }
  return registries;
}

/** Gives the layers of each platform. */
async function pushImages(
  target: ImageTarget,
  seed: string,
): Promise<ReadonlyMap<string, readonly Descriptor[]>> {
  const layers = new Map<string, readonly Descriptor[]>();
  const manifests: Descriptor[] = [];
  for (const architecture of PLATFORMS) {
    const contents = [LARGE_BYTES, SMALL_BYTES].map((length) =>
      noise(length, `${seed} ${architecture} ${length}`),
    );
    const pushed: Descriptor[] = [];
    for (const [number, content] of contents.entries()) {
      const tar = writeTar([{ name: `file-${number}`, content }]);
      pushed.push(await push(target, tar, MediaType.ociLayerTar));
    }
    layers.set(architecture, pushed);
    const manifest = await pushManifest(target, architecture, pushed);
    manifests.push({ ...manifest, platform: { os: 'linux', architecture } });
  }
  const index = {
    ...({ kind: 'index', schemaVersion: 2, mediaType: MediaType.ociIndex } as const),
    manifests,
  };
  await target.writeManifest(encodeManifest(index), MediaType.ociIndex);
  return layers;
}

async function pushManifest(
  target: ImageTarget,
  architecture: string,
  layers: readonly Descriptor[],
): Promise<Descriptor> {
  const config = {
    ...{ os: 'linux', architecture },
    rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
    config: { Cmd: ['/small'] },
  };
  const manifest = encodeManifest({
    kind: 'manifest',
    schemaVersion: 2,
    mediaType: MediaType.ociManifest,
    config: await push(target, Buffer.from(JSON.stringify(config)), MediaType.ociConfig),
    layers,
  });
  return target.writeManifest(manifest, MediaType.ociManifest, { tag: false });
}

async function push(target: ImageTarget, bytes: Buffer, mediaType: string): Promise<Descriptor> {
  const writer = await target.openBlobWriter();
  await writer.write(bytes);
  return writer.commit({ digest: sha256Digest(bytes), size: bytes.byteLength, mediaType });
}
