/**
 * Torrents beside their image: an artifact for each blob, that refers to the image's manifest. Its one
 * layer is the `.torrent` file. Spec: OCI image "Guidelines for artifact usage".
 */
import type { Descriptor, ImageManifest } from '@shoal/oci';
import {
  blobIdOfDigest,
  digestOfBlobId,
  MediaType,
  OciAnnotation,
  parseManifest,
  ShoalAnnotation,
  sha256Digest,
} from '@shoal/oci';
import type { ImageStore } from '@shoal/registry-client';
import { MetainfoError } from '../errors.ts';
import { METAINFO_BYTES_MAX } from './limits.ts';
import { decodeMetainfo } from './metainfo.ts';
import type { TorrentFile } from './torrent-file.ts';

/** The configuration of an artifact that has none. */
export const EMPTY_CONFIG = Buffer.from('{}');

/** The manifest of a torrent's artifact; `subject` is the image's. */
export function torrentManifest(
  { metainfo, bytes }: TorrentFile,
  subject: Descriptor,
): ImageManifest {
  const { blobId, infohash } = metainfo;
  return {
    kind: 'manifest',
    schemaVersion: 2,
    mediaType: MediaType.ociManifest,
    artifactType: MediaType.torrentArtifact,
    config: {
      mediaType: MediaType.ociEmpty,
      digest: sha256Digest(EMPTY_CONFIG),
      size: EMPTY_CONFIG.length,
    },
    layers: [
      {
        mediaType: MediaType.bittorrent,
        digest: sha256Digest(bytes),
        size: bytes.length,
        annotations: { [OciAnnotation.title]: `${blobId}.torrent` },
      },
    ],
    subject: { mediaType: subject.mediaType, digest: subject.digest, size: subject.size },
    annotations: {
      [ShoalAnnotation.torrentBlob]: digestOfBlobId(blobId),
      [ShoalAnnotation.infohash]: infohash,
    },
  };
}

/** Artifacts with torrents that refer to this manifest. */
export async function listTorrents(
  store: ImageStore,
  manifest: Descriptor,
  signal: AbortSignal,
): Promise<readonly Descriptor[]> {
  const artifactType = MediaType.torrentArtifact;
  return await store.listReferrers(manifest.digest, { artifactType, signal });
}

/**
 * The torrent of a blob among those that are listed; undefined when none is its. When the blob's
 * descriptor has an infohash, the torrent has to have the same. Throws `ERR_P2P_METAINFO`,
 * `ERR_P2P_BENCODE`, and what the store and the documents are wrong with.
 */
export async function readTorrent(
  store: ImageStore,
  listed: readonly Descriptor[],
  blob: Descriptor,
  signal: AbortSignal,
): Promise<TorrentFile | undefined> {
  const infohash = blob.annotations?.[ShoalAnnotation.infohash];
  // Others may lie before it that somebody else has published.
  const found = listed.find(
    ({ annotations }) =>
      annotations?.[ShoalAnnotation.torrentBlob] === blob.digest &&
      (infohash === undefined || annotations[ShoalAnnotation.infohash] === infohash),
  );
  if (found === undefined) return undefined;
  const document = await store.readManifest(found, { signal });
  const manifest = parseManifest(document, `${store.description}: torrent ${found.digest}`);
  const layer = manifest.kind === 'manifest' ? manifest.layers[0] : undefined;
  if (layer === undefined || layer.size > METAINFO_BYTES_MAX) {
    throw new MetainfoError('its artifact has no layer of a torrent');
  }
  const pieces: Buffer[] = [];
  for await (const piece of await store.readBlob(layer, { signal })) pieces.push(piece);
  const bytes = Buffer.concat(pieces);
  const metainfo = decodeMetainfo(bytes);
  const expected = infohash ?? metainfo.infohash;
  const isOfBlob =
    metainfo.blobId === blobIdOfDigest(blob.digest) && metainfo.blobBytes === blob.size;
  if (!isOfBlob || metainfo.infohash !== expected) {
    throw new MetainfoError('it is that of another blob');
  }
  return { metainfo, bytes };
}
