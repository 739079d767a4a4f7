/** Reading images back: open, check, unpack, inspect, list, cat, dump. */
export { catFile } from './cat/cat-file.ts';
export { type CheckOptions, checkAllPlatforms, checkImages } from './check/check-images.ts';
export type {
  AllowedChange,
  CheckedSide,
  CheckReport,
  Difference,
} from './check/check-report.ts';
export { dumpInode } from './dump/dump-inode.ts';
export {
  DUMP_STRUCTURES,
  type DumpStructure,
  dumpBlobs,
  dumpChunks,
  dumpPrefetch,
  dumpSuperblock,
} from './dump/dump-structures.ts';
export { type BootstrapFile, isImageFile, openBootstrapFile } from './image/bootstrap-file.ts';
export { BootstrapTreeView } from './image/bootstrap-tree-view.ts';
export { ConvertedImage, type ReadFileOptions } from './image/converted-image.ts';
export * from './image/errors.ts';
export { resolveImagePath } from './image/image-path.ts';
export * from './image/limits.ts';
export {
  type OpenedImage,
  type OpenImageOptions,
  openConvertedImage,
  openFromStore,
  openImage,
} from './image/open-image.ts';
export { type OpenedImageFacts, OrdinaryImage } from './image/opened-image.ts';
export { printablePath } from './image/printable-path.ts';
export type { Child, HashedTree, ImageNode, TreeView } from './image/tree-view.ts';
export { type BootstrapFacts, bootstrapFacts } from './inspect/bootstrap-facts.ts';
export {
  type FileFacts,
  type ImageFacts,
  inspectFile,
  inspectImage,
} from './inspect/inspect-image.ts';
export {
  entryFacts,
  formatLongEntry,
  formatMode,
  formatTime,
  kindName,
} from './list/format-entry.ts';
export { type ListedEntry, type ListOptions, listTree } from './list/list-tree.ts';
export type { LeftOut } from './unpack/layer-archive.ts';
export { LAYER_COMPRESSIONS, type LayerCompression } from './unpack/layer-compression.ts';
export { type UnpackOptions, type UnpackReport, unpackImage } from './unpack/unpack-image.ts';
