/**
 * The bootstrap of a converted image: encoded from the merged tree, walked completely by our own
 * decoder, packed as Nydus packs it, stored, and read back.
 */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
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
const STEP_BYTES = 1 << 18;

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

  const { inodes } = verifyBootstrap(bootstrap);

  const bootstrapBytes = bootstrap.length;
  const archive = encodeBootstrapLayerTar({ bootstrap, metaFiles: blobMetaFiles(used) });
  const packed = await storePacked(target, archive, signal);

  await readBack(target, packed, signal);
  const dictBlobs = [...used.values()].flatMap(({ blob }) => (blob.kind === 'dict' ? [blob] : []));
  return { ...packed, bootstrapBytes, inodes, dictBlobs };
}

/** Streams the archive through gzip into the target; digests of both forms on the way. */
async function storePacked(
  target: ImageTarget,
  archive: readonly Buffer[],
  signal: AbortSignal,
): Promise<Pick<WrittenBootstrap, 'descriptor' | 'diffId'>> {
  const diffHash = createHash('sha256');
  const hash = createHash('sha256');
  let size = 0;
  const gzip = createGzip({ level: GZIP_LEVEL, chunkSize: STEP_BYTES });
  const source = Readable.from(pieces(archive, (piece) => diffHash.update(piece)));
  source.once('error', (error) => gzip.destroy(error));
  const writer = await target.openBlobWriter({ signal });
  try {
    for await (const bytes of source.pipe(gzip)) {
      signal.throwIfAborted();
      hash.update(bytes);
      size += bytes.length;
      await writer.write(bytes);
    }
    const digest = finishDigest('sha256', hash);
    const descriptor = { digest, size, mediaType: MediaType.ociLayerTarGzip };
    await writer.commit(descriptor);
    return { descriptor, diffId: finishDigest('sha256', diffHash) };
  } catch (error) {
    gzip.destroy();
    await writer.abort();
    throw error;
  }
}

function* pieces(
  parts: readonly Buffer[],
  onPiece: (piece: Buffer) => void,
): Generator<Buffer, void> {
  for (const part of parts) {
    for (let at = 0; at < part.length; at += STEP_BYTES) {
      const piece = part.subarray(at, at + STEP_BYTES);
      onPiece(piece);
      yield piece;
    }
  }
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
