/** Finding the converted image: itself, beside the original in an index, or as its referrer. */
import { Readable } from 'node:stream';
import {
  type Descriptor,
  encodeManifest,
  type ImageIndex,
  type ImageManifest,
  MediaType,
  NydusAnnotation,
  sha256Digest,
} from '@shoal/oci';
import type { ImageStore } from '@shoal/registry-client';
import t from 'tap';
import { resolveImage } from '../src/image-resolver.ts';

const AMD64 = { os: 'linux', architecture: 'amd64' };
const ARM64 = { os: 'linux', architecture: 'arm64' };

/** A store of documents only; the first one that is put is what the reference points at. */
class DocumentStore implements ImageStore {
  readonly description = 'test';
  readonly documents = new Map<string, Buffer>();
  readonly referrers = new Map<string, Descriptor[]>();
  root: Descriptor | undefined;

  put(document: ImageManifest | ImageIndex): Descriptor {
    const bytes = encodeManifest(document);
    const digest = sha256Digest(bytes);
    this.documents.set(digest, bytes);
    return { mediaType: document.mediaType, digest, size: bytes.length };
  }

  resolve(): Promise<Descriptor> {
    if (this.root === undefined) throw new Error('no root');
    return Promise.resolve(this.root);
  }

  readManifest({ digest }: Descriptor): Promise<Buffer> {
    const bytes = this.documents.get(digest);
    return bytes === undefined ? Promise.reject(new Error('missing')) : Promise.resolve(bytes);
  }

  listReferrers(digest: string): Promise<readonly Descriptor[]> {
    return Promise.resolve(this.referrers.get(digest) ?? []);
  }

  readBlob(): Promise<Readable> {
    return Promise.resolve(Readable.from([]));
  }

  readBlobRange(): Promise<Buffer> {
    return Promise.reject(new Error('not used'));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

function layer(text: string, annotations?: Record<string, string>): Descriptor {
  const mediaType = MediaType.ociLayerTarGzip;
  return { mediaType, digest: sha256Digest(Buffer.from(text)), size: 1, annotations };
}

function manifest(layers: readonly Descriptor[]): ImageManifest {
  const { ociManifest: mediaType, ociConfig } = MediaType;
  const config = { ...layer('config'), mediaType: ociConfig };
  return { kind: 'manifest', schemaVersion: 2, mediaType, config, layers };
}

function converted(version = '6', name = 'boot'): ImageManifest {
  const marks = { [NydusAnnotation.bootstrap]: 'true', [NydusAnnotation.fsVersion]: version };
  return manifest([layer('data'), layer(name, marks)]);
}

function index(manifests: readonly Descriptor[]): ImageIndex {
  return { kind: 'index', schemaVersion: 2, mediaType: MediaType.ociIndex, manifests };
}

const OPTIONS = { reference: 'host/name:tag', platform: AMD64 };

t.test('the image itself', async (t) => {
  const store = new DocumentStore();
  store.root = store.put(converted());
  const image = await resolveImage(store, OPTIONS);
  t.equal(image.manifestDigest, store.root.digest);
  t.equal(image.bootstrap.digest, layer('boot').digest);
  t.same(
    image.layers.map(({ digest }) => digest),
    [layer('data').digest],
  );
});

t.test('beside the original in an index, marked or not', async (t) => {
  for (const mark of [
    { platform: AMD64, artifactType: MediaType.nydusManifestArtifact },
    { platform: { ...AMD64, 'os.features': ['nydus.remoteimage.v1'] } },
    { platform: AMD64 },
  ]) {
    const store = new DocumentStore();
    const original = { ...store.put(manifest([layer('plain')])), platform: AMD64 };
    const other = { ...store.put(converted('6', 'other')), platform: ARM64 };
    const wanted = store.put(converted());
    store.root = store.put(index([original, other, { ...wanted, ...mark }]));
    const image = await resolveImage(store, OPTIONS);
    t.equal(image.manifestDigest, wanted.digest);
  }
});

t.test('as a referrer of the original', async (t) => {
  const store = new DocumentStore();
  store.root = store.put(manifest([layer('plain')]));
  const wanted = store.put(converted());
  store.referrers.set(store.root.digest, [store.put(manifest([layer('signature')])), wanted]);
  t.equal((await resolveImage(store, OPTIONS)).manifestDigest, wanted.digest);
});

t.test('an ordinary image is refused with the command that helps', async (t) => {
  const store = new DocumentStore();
  store.root = store.put(manifest([layer('plain')]));
  await t.rejects(resolveImage(store, OPTIONS), {
    code: 'ERR_SNAPSHOTTER_IMAGE_NOT_CONVERTED',
    remedy: /shoal convert --source host\/name:tag/,
  });
});

t.test('another platform and another version are refused', async (t) => {
  const store = new DocumentStore();
  store.root = store.put(index([{ ...store.put(converted()), platform: ARM64 }]));
  await t.rejects(resolveImage(store, OPTIONS), {
    code: 'ERR_SNAPSHOTTER_IMAGE_UNUSABLE',
    message: /no image for linux\/amd64, only for linux\/arm64/,
  });
  store.root = store.put(converted('7'));
  await t.rejects(resolveImage(store, OPTIONS), {
    code: 'ERR_SNAPSHOTTER_IMAGE_UNUSABLE',
    message: /RAFS version 7/,
  });
});
