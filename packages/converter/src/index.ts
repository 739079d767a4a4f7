/**
 * OCI layers to RAFS v6 and back: `convertImage`, `openImage`, and what reads images: check, unpack,
 * inspect, list, cat, dump.
 */
export type { Digester } from '@shoal/rafs';
export type { Compressor } from './blob/image-format.ts';
export { catFile, findFile } from './cat/cat-file.ts';
export { checkAllPlatforms, checkImages } from './check/check-images.ts';
export type { CheckReport, Difference } from './check/check-report.ts';
export { convertImage } from './convert/convert-image.ts';
export type {
  BuildCacheLocation,
  ConvertOptions,
  ConvertProgress,
  ConvertReport,
  LayerReport,
} from './convert/convert-options.ts';
export { readPrefetchFile } from './convert/prefetch.ts';
export { dumpInode } from './dump/dump-inode.ts';
export {
  DUMP_STRUCTURES,
  type DumpStructure,
  dumpBlobs,
  dumpChunks,
  dumpPrefetch,
  dumpSuperblock,
} from './dump/dump-structures.ts';
export * from './errors.ts';
export { type BootstrapFile, isImageFile, openBootstrapFile } from './image/bootstrap-file.ts';
export { ConvertedImage } from './image/converted-image.ts';
export {
  type OpenedImage,
  openConvertedImage,
  openConvertedImageIn,
  openImage,
} from './image/open-image.ts';
export { printablePath } from './image/printable-path.ts';
export { inspectFile, inspectImage } from './inspect/inspect-image.ts';
export { entryFacts, formatLongEntry } from './list/format-entry.ts';
export { listTree } from './list/list-tree.ts';
export { LAYER_COMPRESSIONS, type LayerCompression } from './unpack/layer-compression.ts';
export { type UnpackReport, unpackImage } from './unpack/unpack-image.ts';
