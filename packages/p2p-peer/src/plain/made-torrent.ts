/**
 * The torrent of a blob whose every byte is held here: the same that a conversion would have published,
 * since a torrent follows from its blob alone. Hashed by the codec threads, a few pieces at a time.
 */
import type { CodecPool } from '@shoal/blob-store';
import { TORRENT_PIECE_BYTES_LONGEST } from '../limits.ts';
import type { StoredBlob } from '../store/stored-blob.ts';
import { decodeMetainfo, encodeMetainfo, type Metainfo } from '../torrent/metainfo.ts';
import { pieceBytesOf } from '../torrent/piece-length.ts';

export type TorrentFile = { readonly metainfo: Metainfo; readonly bytes: Buffer };

/** Undefined when not all of it is held. Throws what hashing throws, or the reason of the signal. */
export async function makeTorrent(
  stored: StoredBlob,
  pool: CodecPool,
  signal: AbortSignal,
): Promise<TorrentFile | undefined> {
  const { blobId, sizeBytes } = stored;
  const pieceBytes = pieceBytesOf(sizeBytes);
  if (stored.held.bytes < sizeBytes) return undefined;
  // What a home was believed for is compared with the blob's digest before it gets hashes of its own.
  if ((await stored.completeBlob()) !== 'right') return undefined;
  const hashes: Uint8Array[] = [];
  // A thread hashes at a time what the longest piece has: whole pieces, since all are powers of two.
  const unitBytes = TORRENT_PIECE_BYTES_LONGEST;
  for (let at = 0; at < sizeBytes; at += unitBytes) {
    signal.throwIfAborted();
    const held = await stored.read(at, Math.min(unitBytes, sizeBytes - at));
    if (held === undefined) return undefined;
    // Moved to the thread: it has to be a buffer of its own.
    const raw = Uint8Array.from(held).buffer;
    const job = { raw, length: held.length, pieceBytes: [pieceBytes] };
    const { hashes: found } = await pool.run('piece-hashes', job, { signal });
    hashes.push(...found);
  }
  const pieceHashes = Buffer.concat(hashes);
  const { bytes } = encodeMetainfo({
    blobId,
    blobBytes: sizeBytes,
    pieceBytes,
    pieceHashes,
    announce: [],
  });
  return { metainfo: decodeMetainfo(bytes), bytes };
}
