/**
 * OCI layers to RAFS v6 and back: `convertImage` and what it is made of, `openImage` and the
 * readers of converted images.
 */

export { convertImage } from './convert/convert-image.ts';
export type {
  BuildCacheLocation,
  Compressor,
  ConvertOptions,
  ConvertProgress,
  ConvertReport,
  Digester,
  LayerReport,
  ManifestReport,
  PlatformChoice,
} from './convert/convert-options.ts';
export { readPrefetchFile } from './convert/prefetch.ts';
export * from './errors.ts';
export * from './limits.ts';
export * from './readers.ts';
