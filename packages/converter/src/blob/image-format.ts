/** How the bytes of an image are made: everything that must be equal to reuse a layer. */
import type { Compressor as AnyCompressor, Digester } from '@shoal/rafs';

/** What is written; gzip chunks are read only. */
export type Compressor = Exclude<AnyCompressor, 'gzip'>;

export type ImageFormat = {
  readonly compressor: Compressor;
  readonly digester: Digester;
  readonly chunkSizeBytes: number;
};
