/**
 * Three registries that nobody can reach by their names (public, htpasswd, tokens), each with an image
 * for two platforms, and a proxy that mirrors them.
 */
import { createHash } from 'node:crypto';
import {
  type Descriptor,
  encodeManifest,
  MediaType,
  parseReference,
  sha256Digest,
} from '@shoal/oci';
import { type ImageTarget, openTarget, StaticCredentials } from '@shoal/registry-client';
import { type AuthMode, type ProxyEvent, RegistryProxy } from '@shoal/registry-proxy';
import { startDockerRegistry, type TestScope, writeTar } from '@shoal/test-kit';

export const USER = 'ann';
export const PASSWORD = 'secret';
export const PLATFORMS = ['amd64', 'arm64'] as const;

export type MirrorWorld = {
  readonly proxy: RegistryProxy;
  readonly events: ProxyEvent[];
  /** Where each registry is, by its name. */
  readonly addresses: ReadonlyMap<string, string>;
  /** Digests of the layers of the image, by architecture; the same in each registry. */
  readonly layers: ReadonlyMap<string, readonly Descriptor[]>;
};

const LARGE_BYTES = 24_000_000;

/** `public.test`, `basic.test` and `token.test`; the image is `app/multi:v1`. */
export async function openMirrorWorld(t: TestScope, mode: AuthMode): Promise<MirrorWorld> {
  const users = { [USER]: PASSWORD };
  const registries = {
    'public.test': await startDockerRegistry(t),
    'basic.test': await startDockerRegistry(t, { htpasswd: users }),
    'token.test': await startDockerRegistry(t, { token: { users, noAnonymous: true } }),
  };
  const layers = new Map<string, readonly Descriptor[]>();
  const password = { kind: 'password', username: USER, password: PASSWORD } as const;
  for (const { host } of Object.values(registries)) {
    const reference = parseReference(`${host}/app/multi:v1`);
    const credentialSources = [new StaticCredentials(new Map([[host, password]]))];
    await using target = await openTarget(reference, { plainHttp: true, credentialSources });
    await pushImages(target, layers);
  }
  const events: ProxyEvent[] = [];
  const addresses = new Map(
    Object.entries(registries).map(([name, { host }]) => [name, `http://${host}`]),
  );
  const proxy = await RegistryProxy.listen({
    port: 0,
    onRequest: (event) => events.push(event),
    upstreams: Object.entries(registries).map(([name, { host, tokenServer }]) => ({
      name,
      address: `http://${host}`,
      mode,
      credentials: password,
      redirectHosts: tokenServer === undefined ? [] : [new URL(tokenServer.realm).host],
    })),
  });
  t.teardown(() => proxy.close());
  return { proxy, events, addresses, layers };
}

async function pushImages(
  target: ImageTarget,
  layers: Map<string, readonly Descriptor[]>,
): Promise<void> {
  const manifests: Descriptor[] = [];
  for (const [index, architecture] of PLATFORMS.entries()) {
    const tars = [
      writeTar([{ name: 'large', content: noise(LARGE_BYTES, index) }]),
      writeTar([{ name: 'small', content: Buffer.from(architecture) }]),
    ];
    const pushed: Descriptor[] = [];
    for (const tar of tars) pushed.push(await push(target, tar, MediaType.ociLayerTar));
    layers.set(architecture, pushed);
    const platform = { os: 'linux', architecture };
    const config = {
      ...platform,
      rootfs: { type: 'layers', diff_ids: pushed.map(({ digest }) => digest) },
      config: { Cmd: ['/small'] },
    };
    const manifest = encodeManifest({
      kind: 'manifest',
      schemaVersion: 2,
      mediaType: MediaType.ociManifest,
      config: await push(target, Buffer.from(JSON.stringify(config)), MediaType.ociConfig),
      layers: pushed,
    });
    const options = { tag: false } as const;
    const descriptor = await target.writeManifest(manifest, MediaType.ociManifest, options);
    manifests.push({ ...descriptor, platform });
  }
  const index = {
    kind: 'index',
    schemaVersion: 2,
    mediaType: MediaType.ociIndex,
    manifests,
  } as const;
  await target.writeManifest(encodeManifest(index), MediaType.ociIndex);
}

async function push(target: ImageTarget, bytes: Buffer, mediaType: string): Promise<Descriptor> {
  const writer = await target.openBlobWriter();
  await writer.write(bytes);
  return writer.commit({ digest: sha256Digest(bytes), size: bytes.byteLength, mediaType });
}

/** Bytes that repeat nowhere, the same in every run. */
function noise(length: number, seed: number): Buffer {
  return createHash('shake256', { outputLength: length }).update(`${seed}`).digest();
}
