/** The torrent of a blob as anybody makes it who has its bytes: by the rules of docs/converting.md alone. */
import { createHash } from 'node:crypto';
import { parseBlobId } from '@shoal/oci';
import { encodeMetainfo, pieceBytesOf } from '@shoal/p2p-peer/torrent';

export function infohashOf(bytes: Buffer): string {
  const pieceBytes = pieceBytesOf(bytes.length);
  const hashes: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const piece = bytes.subarray(at, at + pieceBytes);
    hashes.push(createHash('sha1').update(piece).digest());
  }
  const { infohash } = encodeMetainfo({
    blobId: parseBlobId(createHash('sha256').update(bytes).digest('hex')),
    blobBytes: bytes.length,
    pieceBytes,
    pieceHashes: Buffer.concat(hashes),
    announce: [],
  });
  return infohash;
}
