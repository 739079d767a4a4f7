/** Compresses an archive on its way out; the same input always gives the same bytes. */
import type { Transform } from 'node:stream';
import { PassThrough } from 'node:stream';
import { constants, createGzip, createZstdCompress } from 'node:zlib';

export const LAYER_COMPRESSIONS = ['gzip', 'zstd', 'none'] as const;
export type LayerCompression = (typeof LAYER_COMPRESSIONS)[number];

const STEP_BYTES = 256 * 1024;
const ZSTD_LEVEL = 3;

/** A stream from archive bytes to stored bytes. */
export function layerCompressor(compression: LayerCompression): Transform {
  switch (compression) {
    case 'gzip':
      return createGzip({ chunkSize: STEP_BYTES });
    case 'zstd':
      return createZstdCompress({
        chunkSize: STEP_BYTES,
        params: { [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL },
      });
    default:
      return new PassThrough();
  }
}
