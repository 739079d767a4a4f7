/**
 * References, digests, descriptors, manifests, media types and tar headers of OCI images. Pure:
 * bytes and text in, objects out.
 */
export { type BlobId, blobIdOfDigest, digestOfBlobId, parseBlobId } from './blob-id.ts';
export { chainId } from './chain-id.ts';
export { bootstrapLayerOf, imagesOfIndex, isMarkedConverted } from './converted-image.ts';
export { type Descriptor, digestSchema } from './descriptor.ts';
export {
  type Digest,
  type DigestAlgorithm,
  digestAlgorithm,
  digestHex,
  digestLike,
  finishDigest,
  isDigest,
  parseDigest,
  sha256Digest,
} from './digest.ts';
export * from './errors.ts';
export { formatHostPort, type HostPort, isHostPort, parseHostPort } from './host-port.ts';
export {
  encodeImageConfig,
  type HistoryEntry,
  type ImageConfig,
  parseImageConfig,
} from './image-config.ts';
export { checkDocument, parseJsonDocument } from './json-document.ts';
export * from './limits.ts';
export { encodeManifest, type ImageIndex, type ImageManifest, parseManifest } from './manifest.ts';
export {
  isDockerMediaType,
  isIndexMediaType,
  isManifestMediaType,
  MANIFEST_MEDIA_TYPES,
  MediaType,
} from './media-type.ts';
export {
  NYDUS_OS_FEATURE,
  NydusAnnotation,
  OciAnnotation,
  ShoalAnnotation,
} from './nydus-annotation.ts';
export {
  formatPlatform,
  hostPlatform,
  matchPlatform,
  type Platform,
  parsePlatform,
} from './platform.ts';
export {
  formatReference,
  formatRepository,
  type ImageReference,
  isRepositoryName,
  parseReference,
  type RegistryReference,
} from './reference.ts';
export {
  encodeTarHeader,
  GNU_MAGIC,
  isTarChecksumRight,
  isZeroBlock,
  readTarName,
  readTarNumber,
  readTarText,
  TAR_BLOCK_SIZE,
  TAR_FIELD,
  tarFormat,
  tarPadding,
  USTAR_MAGIC,
  writeTarChecksum,
  writeTarNumber,
} from './tar-header.ts';
