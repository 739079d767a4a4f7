/**
 * Annotations and marks by which Nydus knows its layers, manifests and caches (spec: format page,
 * sections 10.1, 10.3 and 10.4), and others that Shoal reads or writes.
 */
export const NydusAnnotation = {
  /** `"true"` on a data blob. */
  blob: 'containerd.io/snapshot/nydus-blob',
  /** `"true"` on the bootstrap layer, always the last one. */
  bootstrap: 'containerd.io/snapshot/nydus-bootstrap',
  /** `"6"` beside `bootstrap`. */
  fsVersion: 'containerd.io/snapshot/nydus-fs-version',
  /** Digest of the original layer that a reference blob points into. */
  ref: 'containerd.io/snapshot/nydus-ref',
  encryptedBlob: 'containerd.io/snapshot/nydus-encrypted-blob',
  blobDigest: 'containerd.io/snapshot/nydus-blob-digest',
  blobSize: 'containerd.io/snapshot/nydus-blob-size',
  /** Cache key of one layer: chain id of its source. */
  sourceChainId: 'containerd.io/snapshot/nydus-source-chainid',
  sourceDigest: 'containerd.io/snapshot/nydus-source-digest',
  targetDigest: 'containerd.io/snapshot/nydus-target-digest',
  referenceBlobIds: 'containerd.io/snapshot/nydus-reference-blob-ids',
  /** Version of a build-cache manifest, `"v1"`. */
  cache: 'containerd.io/snapshot/nydus-cache',
  artifactType: 'containerd.io/snapshot/nydus-artifact-type',
  /** Diff id while a layer is being converted; stripped before a push, kept in cache records. */
  uncompressed: 'containerd.io/uncompressed',
} as const;

/** `platform["os.features"]` of a Nydus manifest in older merged indexes. */
export const NYDUS_OS_FEATURE = 'nydus.remoteimage.v1';

/** Annotations of Shoal's own. */
export const ShoalAnnotation = {
  /** Of a blob's descriptor and of its torrent's manifest: the v1 infohash, in hex. */
  infohash: 'io.shoal.torrent.infohash',
  /** Of a torrent's manifest: digest of the blob. */
  torrentBlob: 'io.shoal.torrent.blob',
} as const;

/** Annotations of the OCI specification that Shoal reads or writes. */
export const OciAnnotation = {
  refName: 'org.opencontainers.image.ref.name',
  created: 'org.opencontainers.image.created',
  /** Name of the file that a layer of an artifact is. */
  title: 'org.opencontainers.image.title',
  /** Full name of an image in an archive written by containerd or Docker. */
  containerdImageName: 'io.containerd.image.name',
} as const;
