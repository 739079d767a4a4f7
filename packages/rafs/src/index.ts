/** RAFS v6: bytes to objects and back, pure, without I/O. The format is in docs/format.md. */
export type { Cipher, Compressor, Digester } from './algorithms.ts';
export { BlobMeta, type ChunkUnit } from './blob/blob-meta.ts';
export {
  type BatchContext,
  type ChunkExtent,
  type ChunkInfo,
  ChunkInfoFlag,
} from './blob/chunk-info.ts';
export type { ChunkInfoHeader } from './blob/chunk-info-header.ts';
export {
  type BlobMetaOptions,
  type ByteRange,
  chunkInfoRange,
  decodeBlobMetaFile,
  decodeStoredChunkInfo,
  digestSectionRange,
} from './blob/decode-blob-meta.ts';
export { type BlobTailInfo, decodeBlobTail } from './blob/decode-blob-tail.ts';
export {
  type BlobChunks,
  type BlobTail,
  type BlobTailInput,
  encodeBlobMetaFile,
  encodeBlobTail,
  imageBlobHeader,
} from './blob/encode-blob-tail.ts';
export { decodeLz4Block } from './blob/lz4-block.ts';
export { encodeSectionHeader, SECTION_HEADER_SIZE, SectionName } from './blob/section-header.ts';
export { decodeToc, findToc, type TocCompressor, type TocEntry } from './blob/toc.ts';
export { decryptUnit } from './blob/xts.ts';
export {
  BlobFeature,
  blobFeatureNames,
  checkReadableFeatures,
  hasBlobFeature,
  WRITTEN_BLOB_FEATURES,
} from './blob-features.ts';
export { SELF_BLOB_ID } from './blob-id.ts';
export type { BlobCipher, BlobTableEntry } from './blob-table-entry.ts';
export { Bootstrap, openBootstrap } from './bootstrap.ts';
export type { ByteString } from './byte-string.ts';
export {
  byteString,
  byteStringFromText,
  bytesOf,
  childPath,
  compareByteStrings,
  joinPath,
  NO_BYTES,
  printableName,
  splitPath,
} from './byte-string.ts';
export { blobDataSize } from './check-blob-table-entry.ts';
export type { ChunkEntry } from './chunk-entry.ts';
export { ChunkFlag, type ChunkRecord } from './chunk-record.ts';
export { type BootstrapFormat, detectBootstrapFormat } from './detect-format.ts';
export type { DeviceSlot } from './device-slot.ts';
export type { DirectoryEntry } from './directory-block.ts';
export {
  NotRafsError,
  NydusV3Error,
  RafsCorruptError,
  RafsInputError,
  RafsLimitError,
  RafsTruncatedError,
  RafsUnsupportedError,
  RafsV5Error,
} from './errors.ts';
export { type ExtendedSuperblock, isChunkSize, RafsFlag } from './extended-superblock.ts';
export { type BlobRange, type FileRange, findFileRanges } from './file-ranges.ts';
export { InodeLayout, type RafsInode } from './inode.ts';
export { InodeKind, kindOfMode, modeTypeOf } from './inode-kind.ts';
export {
  type BootstrapLayer,
  decodeBootstrapLayerTar,
  encodeBootstrapLayerTar,
} from './layer-tar.ts';
export { BLOCK_SIZE, ROOT_NID } from './layout.ts';
export * from './limits.ts';
export { prefetchRanges } from './prefetch-ranges.ts';
export type { Superblock } from './superblock.ts';
export type { BootstrapSummary } from './verify/bootstrap-summary.ts';
export { type VerifyLimits, verifyBootstrap } from './verify/verify-bootstrap.ts';
export type {
  BootstrapInput,
  BuildInode,
  ChunkPlacement,
  ChunkSource,
} from './write/bootstrap-input.ts';
export { encodeBootstrap } from './write/encode-bootstrap.ts';
export type { Xattr, XattrInput } from './xattr-area.ts';
