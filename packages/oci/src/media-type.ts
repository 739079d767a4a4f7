/**
 * Media types of images. Spec: OCI image "Media types", Docker image manifest v2 schema 2,
 * nydus-snapshotter `pkg/converter/constant.go`.
 */
export const MediaType = {
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociConfig: 'application/vnd.oci.image.config.v1+json',
  ociLayerTar: 'application/vnd.oci.image.layer.v1.tar',
  ociLayerTarGzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
  ociLayerTarZstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
  ociEmpty: 'application/vnd.oci.empty.v1+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerManifestList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerManifestV1: 'application/vnd.docker.distribution.manifest.v1+json',
  dockerManifestV1Signed: 'application/vnd.docker.distribution.manifest.v1+prettyjws',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
  dockerLayerTar: 'application/vnd.docker.image.rootfs.diff.tar',
  dockerLayerTarGzip: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
  dockerLayerTarZstd: 'application/vnd.docker.image.rootfs.diff.tar.zstd',
  nydusBlob: 'application/vnd.oci.image.layer.nydus.blob.v1',
  nydusConfig: 'application/vnd.nydus.image.config.v1+json',
  /** An `artifactType`: marks a Nydus manifest inside an index (nydus >= 2.3.5). */
  nydusManifestArtifact: 'application/vnd.nydus.image.manifest.v1+json',
  /** An `artifactType`: the torrent of one blob of the image it refers to. */
  torrentArtifact: 'application/vnd.shoal.torrent.v1',
  bittorrent: 'application/x-bittorrent',
} as const;

/** What a client accepts where a manifest or an index may come, in order of preference. */
export const MANIFEST_MEDIA_TYPES: readonly string[] = [
  MediaType.ociIndex,
  MediaType.ociManifest,
  MediaType.dockerManifestList,
  MediaType.dockerManifest,
];

export function isIndexMediaType(mediaType: string): boolean {
  return mediaType === MediaType.ociIndex || mediaType === MediaType.dockerManifestList;
}

export function isManifestMediaType(mediaType: string): boolean {
  return mediaType === MediaType.ociManifest || mediaType === MediaType.dockerManifest;
}

export function isDockerMediaType(mediaType: string): boolean {
  return mediaType.startsWith('application/vnd.docker.');
}
