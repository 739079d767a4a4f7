/**
 * The last layer of a converted image, fetched whole: the bootstrap and each blob's chunk
 * information. The one reader of it: mounting and every other command see the same bound.
 * Spec: format page, section 10.2.
 */
import { promisify } from 'node:util';
import { gunzip, zstdDecompress } from 'node:zlib';
import { type Descriptor, type Digest, sha256Digest } from '@shoal/oci';
import { type BootstrapLayer, decodeBootstrapLayerTar } from '@shoal/rafs';
import { collectBounded, type ImageStore } from '@shoal/registry-client';
import { BootstrapLayerError } from '../errors.ts';
import { BOOTSTRAP_LAYER_BYTES_MAX } from '../limits.ts';

const GZIP_MAGIC = 0x8b1f;
const ZSTD_MAGIC = 0xfd2fb528;

export type FetchedBootstrapLayer = BootstrapLayer & {
  /** Of the uncompressed tar, as an image's configuration names it. */
  readonly diffId: Digest;
};

/**
 * Nothing is decompressed before its digest was checked. The bootstrap itself is not verified yet.
 * Throws `ERR_BLOB_STORE_BOOTSTRAP_LAYER`, `ERR_RAFS_...`, and what the store reports.
 */
export async function readBootstrapLayer(
  store: ImageStore,
  layer: Descriptor,
  signal?: AbortSignal,
): Promise<FetchedBootstrapLayer> {
  const where = `${store.description}: bootstrap layer ${layer.digest}`;
  if (layer.size > BOOTSTRAP_LAYER_BYTES_MAX) {
    throw new BootstrapLayerError(where, `it has ${layer.size} bytes, more than are read`);
  }
  const stored = await collectBounded(await store.readBlob(layer, { signal }), layer.size, where);
  signal?.throwIfAborted();
  const tar = await unpack(stored, where);
  return { ...decodeBootstrapLayerTar(tar), diffId: sha256Digest(tar) };
}

async function unpack(stored: Buffer, where: string): Promise<Buffer> {
  const decompress = decompressorOf(stored);
  if (decompress === undefined) return stored;
  try {
    return await decompress(stored, { maxOutputLength: BOOTSTRAP_LAYER_BYTES_MAX });
  } catch (error) {
    const detail =
      error instanceof RangeError
        ? `it unpacks to more than ${BOOTSTRAP_LAYER_BYTES_MAX} bytes`
        : 'it does not decompress';
    throw new BootstrapLayerError(where, detail, { cause: error });
  }
}

/** By the first bytes, whatever the media type says; undefined when it is not compressed. */
function decompressorOf(stored: Buffer) {
  if (stored.length < 4) return undefined;
  if (stored.readUInt16LE(0) === GZIP_MAGIC) return promisify(gunzip);
  return stored.readUInt32LE(0) === ZSTD_MAGIC ? promisify(zstdDecompress) : undefined;
}
