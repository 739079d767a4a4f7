/** Torrents beside an image, found and read as any client would. */
import type { Digest } from '@shoal/oci';
import { MediaType, parseManifest, parseReference, ShoalAnnotation } from '@shoal/oci';
import { decodeMetainfo } from '@shoal/p2p-peer/torrent';
import { openSource } from '@shoal/registry-client';

/** Torrents that refer to an image, by the digest of their blob: how any client would find them. */
export async function torrentsOf(reference: string, subject: Digest): Promise<Map<string, Buffer>> {
  await using store = await openSource(parseReference(reference), {});
  const artifactType = MediaType.torrentArtifact;
  const found = new Map<string, Buffer>();
  for (const entry of await store.listReferrers(subject, { artifactType })) {
    const artifact = parseManifest(await store.readManifest(entry));
    if (artifact.kind !== 'manifest') throw new Error('no manifest');
    const [layer] = artifact.layers;
    if (layer === undefined) throw new Error('no layer');
    const pieces: Buffer[] = [];
    for await (const piece of await store.readBlob(layer)) pieces.push(piece);
    const blob = artifact.annotations?.[ShoalAnnotation.torrentBlob] ?? '';
    const torrent = Buffer.concat(pieces);
    const { infohash } = decodeMetainfo(torrent);
    const isTold = artifact.annotations?.[ShoalAnnotation.infohash] === infohash;
    if (layer.mediaType !== 'application/x-bittorrent' || !isTold) {
      throw new Error('its artifact says something else');
    }
    found.set(blob, torrent);
  }
  return found;
}
