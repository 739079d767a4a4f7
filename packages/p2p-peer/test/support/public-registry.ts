/** What anybody reads of a registry, as a test says: repositories that are public, torrents beside them. */
import { createHash } from 'node:crypto';
import { type BlobId, parseBlobId } from '@shoal/oci';
import type { PublicOrigin } from '../../src/plain/public-blobs.ts';
import type { ByteRange } from '../../src/ranges/byte-range.ts';
import { decodeMetainfo, encodeMetainfo } from '../../src/torrent/metainfo.ts';
import type { PublishedTorrent } from '../../src/torrent/published-torrent.ts';

export class PublicRegistry implements PublicOrigin {
  readonly repositories = new Set<string>();
  /** Published, by blob. */
  readonly torrents = new Map<BlobId, PublishedTorrent>();
  readonly blobs = new Map<BlobId, Buffer>();
  /** It gives no answer. */
  isDown = false;
  asked = 0;

  async isPublic(repository: string): Promise<boolean> {
    this.asked += 1;
    if (this.isDown) throw new Error('it is down');
    return this.repositories.has(repository);
  }

  async read(_: string, { blobId }: { readonly blobId: BlobId }, { start, end }: ByteRange) {
    const bytes = this.blobs.get(blobId);
    if (this.isDown || bytes === undefined) throw new Error('it is down');
    return bytes.subarray(start, end);
  }

  async torrent(_: unknown, { blobId }: { readonly blobId: BlobId }) {
    this.asked += 1;
    if (this.isDown) throw new Error('it is down');
    return this.torrents.get(blobId);
  }
}

export function blobIdOf(bytes: Buffer): BlobId {
  return parseBlobId(createHash('sha256').update(bytes).digest('hex'));
}

/** As a conversion publishes it. */
export function torrentOf(bytes: Buffer, pieceBytes = 256 << 10): PublishedTorrent {
  const hashes: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const piece = bytes.subarray(at, at + pieceBytes);
    hashes.push(createHash('sha1').update(piece).digest());
  }
  const pieceHashes = Buffer.concat(hashes);
  const blobId = blobIdOf(bytes);
  const fields = { blobId, blobBytes: bytes.length, pieceBytes, pieceHashes, announce: [] };
  const { bytes: file } = encodeMetainfo(fields);
  return { metainfo: decodeMetainfo(file), bytes: file };
}
