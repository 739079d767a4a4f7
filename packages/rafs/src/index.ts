/** RAFS v6: bytes to objects and back, pure, without I/O. The format is in docs/format.md. */
export type { Cipher, Compressor, Digester } from './algorithms.ts';
export {
  BlobFeature,
  blobFeatureNames,
  checkReadableFeatures,
  hasBlobFeature,
  WRITTEN_BLOB_FEATURES,
} from './blob-features.ts';
export type { ByteString } from './byte-string.ts';
export {
  byteString,
  byteStringFromText,
  bytesOf,
  compareByteStrings,
  printableName,
} from './byte-string.ts';
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
export * from './limits.ts';
