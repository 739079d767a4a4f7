/** The last layer of a converted image, fetched whole: the bootstrap and each blob's chunk-info. */
import { promisify } from 'node:util';
import { gunzip, zstdDecompress } from 'node:zlib';
import type { Descriptor } from '@shoal/oci';
import { type BootstrapLayer, decodeBootstrapLayerTar } from '@shoal/rafs';
import { collectBounded, type ImageStore } from '@shoal/registry-client';
import { ImageUnusableError } from './errors.ts';
import { BOOTSTRAP_LAYER_BYTES_MAX, BOOTSTRAP_TAR_BYTES_MAX } from './limits.ts';

const GZIP_MAGIC = 0x8b1f;
const ZSTD_MAGIC = 0xfd2fb528;

/** @throws ImageUnusableError, RAFS errors, and whatever the store reports */
export async function readBootstrapLayer(
  store: ImageStore,
  layer: Descriptor,
  reference: string,
  signal: AbortSignal,
): Promise<BootstrapLayer> {
  if (layer.size > BOOTSTRAP_LAYER_BYTES_MAX) {
    throw new ImageUnusableError(reference, `its bootstrap layer has ${layer.size} bytes`);
  }
  const stream = await store.readBlob(layer, { signal });
  const packed = await collectBounded(stream, layer.size, reference);
  return decodeBootstrapLayerTar(await unpack(packed, reference));
}

async function unpack(packed: Buffer, reference: string): Promise<Buffer> {
  const limit = { maxOutputLength: BOOTSTRAP_TAR_BYTES_MAX };
  try {
    if (packed.length >= 4 && packed.readUInt16LE(0) === GZIP_MAGIC) {
      return await promisify(gunzip)(packed, limit);
    }
    if (packed.length >= 4 && packed.readUInt32LE(0) === ZSTD_MAGIC) {
      return await promisify(zstdDecompress)(packed, limit);
    }
  } catch (error) {
    throw new ImageUnusableError(reference, 'its bootstrap layer does not decompress', {
      cause: error,
    });
  }
  return packed;
}
