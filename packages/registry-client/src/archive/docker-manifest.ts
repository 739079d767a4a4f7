/**
 * `manifest.json` of an archive that `docker save` writes: which configuration and layers make which
 * image. Older archives have no OCI manifest: one is made from what is there.
 */
import { createHash } from 'node:crypto';
import {
  checkDocument,
  type Descriptor,
  type Digest,
  encodeManifest,
  finishDigest,
  IMAGE_CONFIG_BYTES_MAX,
  type ImageManifest,
  MANIFEST_LAYERS_MAX,
  MediaType,
  parseImageConfig,
  parseJsonDocument,
  parseManifest,
  quoted,
  sha256Digest,
} from '@shoal/oci';
import * as z from 'zod';
import { AmbiguousTagError, ArchiveError, NotFoundError } from '../errors.ts';
import { blobName } from '../layout/blob-place.ts';
import { DOCKER_MANIFEST_BYTES_MAX } from '../limits.ts';
import type { FileTree } from '../local/file-tree.ts';

export const DOCKER_MANIFEST_FILE = 'manifest.json';

const imageSchema = z.looseObject({
  Config: z.string(),
  RepoTags: z.array(z.string()).nullish(),
  Layers: z.array(z.string()).max(MANIFEST_LAYERS_MAX).nullish(),
});

const documentSchema = z.array(imageSchema).max(1024);

type DockerImage = z.output<typeof imageSchema>;

/** An image of a Docker archive with an OCI manifest, and where its contents lie. */
export type DockerArchiveImage = {
  readonly descriptor: Descriptor;
  readonly manifest: Buffer;
  readonly names: ReadonlyMap<Digest, string>;
};

export async function readDockerImage(
  tree: FileTree,
  tag: string | undefined,
): Promise<DockerArchiveImage> {
  const image = chooseImage(await readImages(tree), tag, tree.description);
  const configBytes = await tree.readBounded(image.Config, IMAGE_CONFIG_BYTES_MAX);
  const config = descriptorOf(MediaType.ociConfig, configBytes);
  const { rootfs } = parseImageConfig(configBytes, `${tree.description}: configuration`);
  const names = new Map<Digest, string>([[config.digest, image.Config]]);
  const layers: Descriptor[] = [];
  for (const [index, name] of (image.Layers ?? []).entries()) {
    const layer = await describeLayer(tree, name, rootfs.diff_ids[index]);
    names.set(layer.digest, name);
    layers.push(layer);
  }
  const document: ImageManifest = {
    kind: 'manifest',
    schemaVersion: 2,
    mediaType: MediaType.ociManifest,
    config,
    layers,
  };
  const manifest = encodeManifest(document);
  return { descriptor: descriptorOf(MediaType.ociManifest, manifest), manifest, names };
}

function descriptorOf(mediaType: string, bytes: Buffer): Descriptor {
  return { mediaType, digest: sha256Digest(bytes), size: bytes.byteLength };
}

async function readImages(tree: FileTree): Promise<readonly DockerImage[]> {
  if ((await tree.sizeOf(DOCKER_MANIFEST_FILE)) === undefined) {
    throw new ArchiveError(
      `${tree.description} is not a Docker archive: no ${DOCKER_MANIFEST_FILE}`,
      {
        remedy: 'for an archive of an OCI layout write oci-archive:FILE',
      },
    );
  }
  const bytes = await tree.readBounded(DOCKER_MANIFEST_FILE, DOCKER_MANIFEST_BYTES_MAX);
  const what = `${DOCKER_MANIFEST_FILE} of ${tree.description}`;
  return checkDocument(
    documentSchema,
    parseJsonDocument(bytes, what, DOCKER_MANIFEST_BYTES_MAX),
    what,
  );
}

function chooseImage(
  images: readonly DockerImage[],
  tag: string | undefined,
  where: string,
): DockerImage {
  const tags = images.flatMap((image) => image.RepoTags ?? []);
  const remedy = `write one of its tags: ${tags.slice(0, 8).map(quoted).join(', ')}`;
  if (tag !== undefined) {
    const found = images.find((image) => image.RepoTags?.some((name) => isNamed(name, tag)));
    if (found !== undefined) return found;
    throw new NotFoundError(`${where}: no image is tagged ${quoted(tag)}`, { remedy });
  }
  const [first, second] = images;
  if (first === undefined) {
    throw new NotFoundError(`${where} holds no image`, { remedy: 'check the path' });
  }
  if (second === undefined) return first;
  throw new AmbiguousTagError(`${where} holds ${images.length} images`, { remedy });
}

/** `debian:12`, `library/debian:12` or just `12` name `docker.io/library/debian:12`. */
function isNamed(name: string, tag: string): boolean {
  return name === tag || name.endsWith(`/${tag}`) || name.endsWith(`:${tag}`);
}

/** A plain tar's digest is its diff id and is verified when it is read; others are hashed now. */
async function describeLayer(
  tree: FileTree,
  name: string,
  diffId: Digest | undefined,
): Promise<Descriptor> {
  const size = await tree.sizeOf(name);
  if (size === undefined) {
    throw new ArchiveError(`${tree.description}: layer ${quoted(name)} is missing`, {
      remedy: 'the archive is incomplete: write it again',
    });
  }
  const magic = (await tree.readRange(name, 0, Math.min(4, size))).toString('hex');
  const mediaType = magic.startsWith('1f8b')
    ? MediaType.ociLayerTarGzip
    : magic === '28b52ffd'
      ? MediaType.ociLayerTarZstd
      : MediaType.ociLayerTar;
  const isPlain = mediaType === MediaType.ociLayerTar && diffId !== undefined;
  return { mediaType, digest: isPlain ? diffId : await hashFile(tree, name), size };
}

async function hashFile(tree: FileTree, name: string): Promise<Digest> {
  const hash = createHash('sha256');
  for await (const piece of tree.pieces(name, undefined)) hash.update(piece);
  return finishDigest('sha256', hash);
}

/** `manifest.json` for an archive that also is an OCI layout, so that `docker load` takes it. */
export function encodeDockerManifest(
  manifests: readonly ImageManifest[],
  tag: string | undefined,
): Buffer {
  const images = manifests.map((manifest, index) => ({
    Config: blobName(manifest.config.digest),
    RepoTags: index === 0 && tag !== undefined ? [tag.includes(':') ? tag : `image:${tag}`] : null,
    Layers: manifest.layers.map(({ digest }) => blobName(digest)),
  }));
  return Buffer.from(JSON.stringify(images), 'utf8');
}

/** The manifests an image consists of: itself, or the children of an index. */
export async function manifestsBelow(
  bytes: Buffer,
  readChild: (descriptor: Descriptor) => Promise<Buffer>,
): Promise<readonly ImageManifest[]> {
  const document = parseManifest(bytes);
  if (document.kind === 'manifest') return [document];
  const found: ImageManifest[] = [];
  for (const child of document.manifests) {
    const parsed = parseManifest(await readChild(child));
    if (parsed.kind === 'manifest') found.push(parsed);
  }
  return found;
}
