/**
 * The converted image that stands for a pulled one, in a real registry's answers: the right one,
 * whatever else lies in the index, and none where the name leads elsewhere by now.
 */
import {
  type Digest,
  type ImageManifest,
  MediaType,
  parseReference,
  sha256Digest,
} from '@shoal/oci';
import { openSource, openTarget } from '@shoal/registry-client';
import { EmbeddedRegistry } from '@shoal/registry-client/embedded';
import t from 'tap';
import { findCounterpart } from '../src/images/converted-counterpart.ts';

const { signal } = new AbortController();
const CLIENT = { plainHttp: true };
const open = (reference: string) => openSource(parseReference(reference), CLIENT);

type Platform = { os: string; architecture: string };
const AMD: Platform = { os: 'linux', architecture: 'amd64' };
const ARM: Platform = { os: 'linux', architecture: 'arm64' };

const registry = await EmbeddedRegistry.listen();
t.teardown(() => registry.close());
let count = 0;

/** A fresh repository. */
function repository(): string {
  count += 1;
  return `${registry.host}/app-${count}`;
}

type Pushed = { readonly mediaType: string; readonly digest: Digest; readonly size: number };

async function pushBlob(name: string, text: string, mediaType: string): Promise<Pushed> {
  await using target = await openTarget(parseReference(`${name}:x`), CLIENT);
  const bytes = Buffer.from(text);
  const descriptor = { mediaType, digest: sha256Digest(bytes), size: bytes.length };
  const writer = await target.openBlobWriter();
  await writer.write(bytes);
  await writer.commit(descriptor);
  return descriptor;
}

async function pushDocument(name: string, document: object, tag: string | false): Promise<Pushed> {
  await using target = await openTarget(parseReference(`${name}:x`), CLIENT);
  const mediaType = 'mediaType' in document ? String(document.mediaType) : '';
  const { digest, size } = await target.writeManifest(
    Buffer.from(JSON.stringify(document)),
    mediaType,
    { tag },
  );
  return { mediaType, digest, size };
}

type ManifestOptions = {
  readonly platform?: Platform;
  readonly isConverted?: boolean;
  readonly subject?: ImageManifest['subject'];
  readonly tag?: string;
};

async function pushManifest(name: string, text: string, options: ManifestOptions = {}) {
  const { platform = AMD, isConverted = false, subject, tag = false } = options;
  const config = await pushBlob(name, JSON.stringify({ ...platform, text }), MediaType.ociConfig);
  const layer = await pushBlob(name, text, 'application/vnd.oci.image.layer.v1.tar');
  const annotations = {
    'containerd.io/snapshot/nydus-bootstrap': 'true',
    'containerd.io/snapshot/nydus-fs-version': '6',
  };
  const layers = [isConverted ? { ...layer, annotations } : layer];
  const document = { schemaVersion: 2, mediaType: MediaType.ociManifest, config, layers };
  return pushDocument(name, subject === undefined ? document : { ...document, subject }, tag);
}

async function pushIndex(name: string, manifests: object[], tag: string): Promise<Pushed> {
  const mediaType = MediaType.ociIndex;
  return pushDocument(name, { schemaVersion: 2, mediaType, manifests }, tag);
}

const converted = (entry: Pushed, platform: Platform) => ({
  ...entry,
  platform,
  artifactType: MediaType.nydusManifestArtifact,
});

async function find(name: string, tag: string, manifestDigest: Digest): Promise<Digest> {
  const reference = parseReference(`${name}:${tag}`);
  if (reference.kind !== 'registry') throw new Error('a registry');
  return findCounterpart(open, { reference, manifestDigest }, signal);
}

t.test('by the mark in the index, of the platform that was pulled', async (t) => {
  const name = repository();
  const plain = {
    amd: await pushManifest(name, 'a'),
    arm: await pushManifest(name, 'b', { platform: ARM }),
  };
  const lazy = {
    amd: await pushManifest(name, 'c', { isConverted: true }),
    arm: await pushManifest(name, 'd', { isConverted: true, platform: ARM }),
  };
  await pushIndex(
    name,
    [
      { ...plain.amd, platform: AMD },
      { ...plain.arm, platform: ARM },
      converted(lazy.amd, AMD),
      converted(lazy.arm, ARM),
    ],
    'latest',
  );
  t.equal(await find(name, 'latest', plain.amd.digest), lazy.amd.digest);
  t.equal(await find(name, 'latest', plain.arm.digest), lazy.arm.digest);
});

t.test('by referrer', async (t) => {
  const name = repository();
  const plain = await pushManifest(name, 'a', { tag: 'latest' });
  const lazy = await pushManifest(name, 'c', { isConverted: true, subject: plain });
  t.equal(await find(name, 'latest', plain.digest), lazy.digest);
});

t.test('by referrer of an image in an index without marks', async (t) => {
  const name = repository();
  const plain = await pushManifest(name, 'a');
  const other = await pushManifest(name, 'o', { platform: ARM });
  await pushManifest(name, 'p', { isConverted: true, platform: ARM, subject: other });
  const lazy = await pushManifest(name, 'c', { isConverted: true, subject: plain });
  await pushIndex(
    name,
    [
      { ...other, platform: ARM },
      { ...plain, platform: AMD },
    ],
    'latest',
  );
  t.equal(await find(name, 'latest', plain.digest), lazy.digest);
});

t.test('a tag that has moved does not lead to another image', async (t) => {
  const name = repository();
  const old = await pushManifest(name, 'old');
  const plain = await pushManifest(name, 'new');
  const lazy = await pushManifest(name, 'c', { isConverted: true });
  await pushIndex(name, [{ ...plain, platform: AMD }, converted(lazy, AMD)], 'latest');
  await t.rejects(find(name, 'latest', old.digest), {
    code: 'ERR_REGISTRY_CLIENT_NOT_CONVERTED',
  });
  const late = await pushManifest(name, 'd', { isConverted: true, subject: old });
  t.equal(await find(name, 'latest', old.digest), late.digest, 'its own referrer does count');
});

t.test('none', async (t) => {
  const name = repository();
  const plain = await pushManifest(name, 'a', { tag: 'latest' });
  await t.rejects(find(name, 'latest', plain.digest), {
    code: 'ERR_REGISTRY_CLIENT_NOT_CONVERTED',
  });
});
