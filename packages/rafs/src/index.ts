/** RAFS v6: bytes to objects and back, pure, without I/O. The format is in docs/format.md. */
export type { Compressor, Digester } from './algorithms.ts';
export { blobDataSize } from './blob/blob-data-size.ts';
export { BlobMeta } from './blob/blob-meta.ts';
export {
  type ChunkInfo,
  ChunkInfoFlag,
} from './blob/chunk-info.ts';
export {
  chunkInfoRange,
  decodeBlobMetaFile,
  decodeStoredChunkInfo,
  digestSectionRange,
} from './blob/decode-blob-meta.ts';
export { decodeBlobTail } from './blob/decode-blob-tail.ts';
export {
  type BlobChunks,
  type BlobTail,
  encodeBlobTail,
  imageBlobHeader,
} from './blob/encode-blob-tail.ts';
export { decodeLz4Block } from './blob/lz4-block.ts';
export { encodeSectionHeader, SectionName } from './blob/section-header.ts';
export { findToc, type TocEntry } from './blob/toc.ts';
export {
  BlobFeature,
  blobFeatureNames,
  checkReadableFeatures,
  hasBlobFeature,
} from './blob-features.ts';
export { SELF_BLOB_ID } from './blob-id.ts';
export type { BlobCipher, BlobTableEntry, FirstReads } from './blob-table-entry.ts';
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
  sliceByteString,
  splitPath,
} from './byte-string.ts';
export { ChunkFlag, type ChunkRecord } from './chunk-record.ts';
export { detectBootstrapFormat } from './detect-format.ts';
export { isChunkSize, RafsFlag } from './extended-superblock.ts';
export { type BlobRange, type FileRange, findFileRanges } from './file-ranges.ts';
export { InodeLayout, type RafsInode } from './inode.ts';
export { attributesOf, type InodeAttributes } from './inode-attributes.ts';
export { InodeKind, kindOfMode } from './inode-kind.ts';
export {
  type BootstrapLayer,
  decodeBootstrapLayerTar,
  encodeBootstrapLayerTar,
} from './layer-tar.ts';
export { BLOCK_SIZE } from './layout.ts';
export * from './limits.ts';
export { firstReadRanges, prefetchRanges } from './prefetch-ranges.ts';
export type { Superblock } from './superblock.ts';
export type { BootstrapSummary } from './verify/bootstrap-summary.ts';
export { verifyBootstrap } from './verify/verify-bootstrap.ts';
export type {
  BootstrapInput,
  BuildInode,
  ChunkSource,
} from './write/bootstrap-input.ts';
export { encodeBootstrap } from './write/encode-bootstrap.ts';
export type { Xattr } from './xattr-area.ts';
