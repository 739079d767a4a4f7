/** What anybody reads of a registry, as a test says: repositories that are public, torrents beside them. */
import { createHash } from 'node:crypto';
import type { BlobId } from '@shoal/oci';
import { PUBLIC_WINDOW_BYTES } from '../../src/plain/limits.ts';
import type { PublicOrigin } from '../../src/plain/public-origin.ts';
import { type ByteRange, rangeBytes } from '../../src/ranges/byte-range.ts';
import { encodeTorrent, type TorrentFile } from '../../src/torrent/torrent-file.ts';
import { blobIdOf } from './sample-bytes.ts';

export { blobIdOf };

export class PublicRegistry implements PublicOrigin {
  readonly repositories = new Set<string>();
  /** Published, by blob. */
  readonly torrents = new Map<BlobId, TorrentFile>();
  readonly blobs = new Map<BlobId, Buffer>();
  /** It gives no answer. */
  isDown = false;
  /** More than windows at a time. */
  givesRest = false;
  asked = 0;
  /** Of each question for bytes. */
  readonly windows: (readonly ByteRange[])[] = [];

  /** Of repositories that are public. */
  async read(
    repository: string,
    { blobId }: { readonly blobId: BlobId },
    ranges: readonly ByteRange[],
  ) {
    this.asked += 1;
    const isRest = ranges.some((range) => rangeBytes(range) > PUBLIC_WINDOW_BYTES);
    if (!isRest) this.windows.push(ranges);
    if (this.isDown || (isRest && !this.givesRest)) throw new Error('it is down');
    const bytes = this.blobs.get(blobId);
    if (bytes === undefined || !this.repositories.has(repository)) return undefined;
    return ranges.map(({ start, end }) => bytes.subarray(start, end));
  }

  async torrent(_: unknown, { blobId }: { readonly blobId: BlobId }) {
    this.asked += 1;
    if (this.isDown) throw new Error('it is down');
    return this.torrents.get(blobId);
  }
}

/** As a conversion publishes it; as a liar does where `blobId` is that of other bytes. */
export function torrentOf(
  bytes: Buffer,
  { pieceBytes = 256 << 10, blobId = blobIdOf(bytes) } = {},
): TorrentFile {
  const hashes: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const piece = bytes.subarray(at, at + pieceBytes);
    hashes.push(createHash('sha1').update(piece).digest());
  }
  const pieceHashes = Buffer.concat(hashes);
  return encodeTorrent({ blobId, blobBytes: bytes.length, pieceBytes, pieceHashes });
}
