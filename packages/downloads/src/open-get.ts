/**
 * What a subject consists of: the files it has, each with a name and a way to its bytes. Nothing is
 * written here.
 */
import { bootstrapLayerOf, digestHex, formatReference, type ImageReference } from '@shoal/oci';
import type { ImageStore } from '@shoal/registry-client';
import { selectManifest } from '@shoal/registry-client/stores';
import { SubjectError } from './errors.ts';
import type { GetAccess, GetRequest, OpenedGet } from './get-access.ts';
import { blobFileSource } from './sources/blob-file-source.ts';
import { openImageFile } from './sources/open-image-file.ts';
import { openWebGet } from './sources/web-file-source.ts';
import { checkTitles, layerTitled, titledLayers } from './subject/titled-layers.ts';

/** Throws `ERR_DOWNLOADS_SUBJECT`, `ERR_DOWNLOADS_TITLE`, and what stores and documents do. */
export async function openGet(request: GetRequest, access: GetAccess): Promise<OpenedGet> {
  const { subject, digest } = request;
  if (subject.kind === 'url') return await openWebGet(subject.url, request, access.web);
  if (digest !== undefined) {
    throw new SubjectError('a digest is given for a reference', {
      remedy: 'write it into the reference: host/name@sha256:...',
    });
  }
  const { reference } = subject;
  if (reference.kind === 'directory') {
    throw new SubjectError(`${formatReference(reference)} is a directory of this host`);
  }
  const store = await access.openStore(reference);
  try {
    return await openInStore(store, { ...request, reference, path: subject.path }, access);
  } catch (error) {
    await store.close();
    throw error;
  }
}

type InStore = GetRequest & {
  readonly reference: ImageReference;
  readonly path: string | undefined;
};

async function openInStore(
  store: ImageStore,
  request: InStore,
  access: GetAccess,
): Promise<OpenedGet> {
  const { reference, path, platform, signal } = request;
  const { manifest } = await selectManifest(store, { platform, prefer: 'converted', signal });
  const shared = access.share?.(reference, store);
  const close = async () => {
    await shared?.close();
    await store.close();
  };
  const titled = titledLayers(manifest);
  const isArtifact = titled.length > 0 && bootstrapLayerOf(manifest) === undefined;
  if (isArtifact && path === undefined) {
    checkTitles(titled);
    const files = titled.map(({ title, descriptor }) => ({
      name: title,
      source: blobFileSource({ store, descriptor, shared }),
    }));
    return { files, isTree: true, close };
  }
  if (isArtifact && path !== undefined) {
    const { title, descriptor } = layerTitled(titled, path, store.description);
    const source = blobFileSource({ store, descriptor, shared });
    return { files: [{ name: lastPart(title), source }], isTree: false, close };
  }
  if (path !== undefined) {
    const { source, close: closeImage } = await openImageFile(store, { ...request, path, shared });
    return { files: [{ name: lastPart(path), source }], isTree: false, close: closeImage };
  }
  const [only] = manifest.layers;
  if (only === undefined || manifest.layers.length > 1 || isImage(manifest.config.mediaType)) {
    throw new SubjectError(`${store.description} is an image, not files of an artifact`, {
      remedy: 'name a file of it behind a colon, write all of it with shoal unpack, or mount it',
    });
  }
  const source = blobFileSource({ store, descriptor: only, shared });
  return { files: [{ name: digestHex(only.digest), source }], isTree: false, close };
}

const IMAGE_CONFIGS: readonly string[] = [
  'application/vnd.oci.image.config.v1+json',
  'application/vnd.docker.container.image.v1+json',
];

function isImage(configMediaType: string): boolean {
  return IMAGE_CONFIGS.includes(configMediaType);
}

function lastPart(path: string): string | undefined {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return name === '' ? undefined : name;
}
