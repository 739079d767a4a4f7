/**
 * Turns a converted image back into an ordinary one with an identical root file system. Its layers
 * become one: the converted image no longer knows which layer a file came from. A failure leaves
 * nothing behind: the tag is written last.
 */
import { createHash } from 'node:crypto';
import { pipeline } from 'node:stream/promises';
import type { Descriptor, ImageReference, Platform } from '@shoal/oci';
import {
  encodeImageConfig,
  encodeManifest,
  formatReference,
  parseDigest,
  sha256Digest,
} from '@shoal/oci';
import type { BlobWriter, ClientOptions, ImageTarget } from '@shoal/registry-client';
import { isSameReference, openTarget } from '@shoal/registry-client/stores';
import { ConvertOptionsError } from '../errors.ts';
import type { ConvertedImage } from '../image/converted-image.ts';
import { openConvertedImage } from '../image/open-image.ts';
import { inBlocks } from './in-blocks.ts';
import type { LeftOut } from './layer-archive.ts';
import { layerArchive } from './layer-archive.ts';
import type { LayerCompression } from './layer-compression.ts';
import { layerCompressor } from './layer-compression.ts';
import {
  configMediaType,
  layerMediaType,
  ordinaryConfig,
  ordinaryManifest,
} from './ordinary-documents.ts';

export type UnpackOptions = {
  readonly source: ImageReference;
  readonly target: ImageReference;
  readonly client?: ClientOptions | undefined;
  readonly platform?: Platform | undefined;
  /** @default 'gzip' */
  readonly compression?: LayerCompression | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Told how many bytes of the archive were written since the last call. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
};

export type UnpackReport = {
  readonly source: string;
  readonly target: string;
  /** Digest of the manifest that was written. */
  readonly manifest: string;
  readonly layer: string;
  readonly diffId: string;
  /** Bytes of the archive. */
  readonly archiveBytes: number;
  /** Bytes of the layer as stored. */
  readonly layerBytes: number;
  /** What a layer cannot hold; empty when the root file systems are identical. */
  readonly leftOut: readonly LeftOut[];
  readonly durationMs: number;
};

/** Unpacks. Throws what reading and writing the images throw. */
export async function unpackImage(options: UnpackOptions): Promise<UnpackReport> {
  const { client = {}, platform, signal } = options;
  if (isSameReference(options.source, options.target)) {
    const name = formatReference(options.target);
    throw new ConvertOptionsError(`${name} is the source itself`, 'give another target');
  }
  const started = performance.now();
  await using image = await openConvertedImage(options.source, { client, platform, signal });
  await using target = await openTarget(options.target, client);
  const { manifest, ...facts } = await writeImage(image, target, options);
  return {
    source: formatReference(options.source),
    target: formatReference(options.target),
    manifest: manifest.digest,
    ...facts,
    durationMs: Math.round(performance.now() - started),
  };
}

async function writeImage(image: ConvertedImage, target: ImageTarget, options: UnpackOptions) {
  const signal = options.signal ?? new AbortController().signal;
  const leftOut: LeftOut[] = [];
  const layer = await writeLayer(image, target, { ...options, signal }, leftOut);
  const converted = image.facts.manifest;
  const configBytes = encodeImageConfig(ordinaryConfig(image.facts.config, layer.diffId));
  const config = await writeBytes(target, configBytes, configMediaType(converted), signal);
  const bytes = encodeManifest(ordinaryManifest(converted, config, layer.descriptor));
  const manifest = await target.writeManifest(bytes, converted.mediaType, { signal });
  return {
    manifest,
    layer: layer.descriptor.digest,
    diffId: layer.diffId,
    archiveBytes: layer.archiveBytes,
    layerBytes: layer.descriptor.size,
    leftOut,
  };
}

async function writeLayer(
  image: ConvertedImage,
  target: ImageTarget,
  options: UnpackOptions & { readonly signal: AbortSignal },
  leftOut: LeftOut[],
) {
  const { compression = 'gzip', signal, onBytes } = options;
  const archiveHash = createHash('sha256');
  let archiveBytes = 0;
  async function* archive(): AsyncGenerator<Buffer, void> {
    const found = { signal, onLeftOut: (one: LeftOut) => leftOut.push(one) };
    for await (const bytes of inBlocks(layerArchive(image, found))) {
      archiveHash.update(bytes);
      archiveBytes += bytes.length;
      onBytes?.(bytes.length);
      yield bytes;
    }
  }
  const mediaType = layerMediaType(image.facts.manifest, compression);
  const descriptor = await writeBlob(target, mediaType, signal, async (write) => {
    await pipeline(
      archive(),
      layerCompressor(compression),
      async (stored) => {
        for await (const bytes of stored) await write(bytes);
      },
      { signal },
    );
  });
  const diffId = parseDigest(`sha256:${archiveHash.digest('hex')}`);
  return { descriptor, diffId, archiveBytes };
}

async function writeBytes(
  target: ImageTarget,
  bytes: Buffer,
  mediaType: string,
  signal: AbortSignal,
): Promise<Descriptor> {
  const descriptor = { digest: sha256Digest(bytes), size: bytes.length, mediaType };
  if (await target.hasBlob(descriptor, { signal })) return descriptor;
  return await writeBlob(target, mediaType, signal, (write) => write(bytes));
}

/** Stores what `produce` writes; nothing stays when it fails. */
async function writeBlob(
  target: ImageTarget,
  mediaType: string,
  signal: AbortSignal,
  produce: (write: (bytes: Uint8Array) => Promise<void>) => Promise<void>,
): Promise<Descriptor> {
  const writer: BlobWriter = await target.openBlobWriter({ signal });
  try {
    const hash = createHash('sha256');
    let size = 0;
    await produce(async (bytes) => {
      hash.update(bytes);
      size += bytes.length;
      await writer.write(bytes);
    });
    const digest = parseDigest(`sha256:${hash.digest('hex')}`);
    return await writer.commit({ digest, size, mediaType });
  } catch (error) {
    await writer.abort();
    throw error;
  }
}
