/**
 * The bootstrap of a converted image: encoded from the merged tree, walked completely by our own
 * decoder, packed as Nydus packs it, stored, and read back.
 */
import { createHash } from 'node:crypto';
import { createGzip, type Gzip } from 'node:zlib';
import type { Descriptor, Digest } from '@shoal/oci';
import { finishDigest, MediaType } from '@shoal/oci';
import { encodeBootstrap, encodeBootstrapLayerTar, verifyBootstrap } from '@shoal/rafs';
import type { ImageTarget } from '@shoal/registry-client';
import { ReadBackError } from '../errors.ts';
import { readLayer } from '../layer/layer-stream.ts';
import { blobMetaFiles, bootstrapInput, usedBlobs } from './bootstrap-input.ts';
import type { DictBlob } from './chunk-dict.ts';
import type { ImageContent } from './image-content.ts';
import type { ConvertSession } from './session.ts';

const GZIP_LEVEL = 6;
/** Compressed bytes a thread makes before it waits for the main thread. */
const STEP_BYTES = 4 << 20;

export type WrittenBootstrap = {
  readonly descriptor: Descriptor;
  /** Digest of the layer's archive. */
  readonly diffId: Digest;
  readonly bootstrapBytes: number;
  readonly inodes: number;
  /** Blobs of dictionaries the image refers to, each with the number of its dictionary. */
  readonly dictBlobs: readonly { readonly dict: number; readonly blob: DictBlob }[];
};

export async function writeBootstrap(
  session: ConvertSession,
  content: ImageContent,
): Promise<WrittenBootstrap> {
  const { settings, warnings, target, signal } = session;
  const used = usedBlobs(content);
  const onWarning = (text: string) => warnings.add(text);
  const bootstrap = encodeBootstrap(bootstrapInput(content, used, settings, onWarning));
  const bootstrapBytes = bootstrap.length;
  const archive = encodeBootstrapLayerTar({ bootstrap, metaFiles: blobMetaFiles(used) });
  let inodes = 0;
  const packed = await storePacked(target, archive, signal, () => {
    ({ inodes } = verifyBootstrap(bootstrap));
  });
  await readBack(target, packed, signal);
  const dictBlobs = [...used.values()].flatMap(({ blob }) => (blob.kind === 'dict' ? [blob] : []));
  return { ...packed, bootstrapBytes, inodes, dictBlobs };
}

/**
 * Streams the archive through gzip into the target; digests of both forms on the way. `meanwhile` runs
 * while a thread compresses; when it throws nothing is stored.
 */
async function storePacked(
  target: ImageTarget,
  archive: readonly Buffer[],
  signal: AbortSignal,
  meanwhile: () => void,
): Promise<Pick<WrittenBootstrap, 'descriptor' | 'diffId'>> {
  const diffHash = createHash('sha256');
  const hash = createHash('sha256');
  let size = 0;
  const gzip = createGzip({ level: GZIP_LEVEL, chunkSize: STEP_BYTES });
  const writer = await target.openBlobWriter({ signal });
  try {
    feed(gzip, archive, meanwhile).catch((error: unknown) => {
      gzip.destroy(error instanceof Error ? error : new Error(String(error)));
    });
    for await (const bytes of gzip) {
      signal.throwIfAborted();
      hash.update(bytes);
      size += bytes.length;
      await writer.write(bytes);
    }
    const digest = finishDigest('sha256', hash);
    const descriptor = { digest, size, mediaType: MediaType.ociLayerTarGzip };
    await writer.commit(descriptor);
    for (const part of archive) diffHash.update(part);
    return { descriptor, diffId: finishDigest('sha256', diffHash) };
  } catch (error) {
    gzip.destroy();
    await writer.abort();
    throw error;
  }
}

/** Hands the parts to gzip one after the other; `meanwhile` runs while the longest is in the thread. */
async function feed(gzip: Gzip, parts: readonly Buffer[], meanwhile: () => void): Promise<void> {
  const longest = Math.max(...parts.map(({ length }) => length));
  let hasRun = false;
  for (const part of parts) {
    const written = new Promise<void>((resolve) => gzip.write(part, () => resolve()));
    if (part.length === longest && !hasRun) {
      hasRun = true;
      meanwhile();
    }
    await written;
  }
  gzip.end();
}

/** The stored layer must unpack to the archive it was made from. */
async function readBack(
  target: ImageTarget,
  { descriptor, diffId }: Pick<WrittenBootstrap, 'descriptor' | 'diffId'>,
  signal: AbortSignal,
): Promise<void> {
  const hash = createHash('sha256');
  const stored = await target.readBlob(descriptor, { signal });
  for await (const bytes of readLayer(stored, descriptor.digest, () => {})) hash.update(bytes);
  if (finishDigest('sha256', hash) !== diffId) {
    throw new ReadBackError(target.description, 'the bootstrap');
  }
}
