/**
 * The torrent of a blob that is held here and has its digest: the same that a conversion would have
 * published, since a torrent follows from its blob alone. Hashed by the codec threads, a few pieces at a time.
 */
import type { CodecPool } from '@shoal/blob-store';
import { digestOfBlobId } from '@shoal/oci';
import { TORRENT_PIECE_BYTES_LONGEST } from '../limits.ts';
import type { HashTurn, StoredBlob } from '../store/stored-blob.ts';
import { pieceBytesOf } from '../torrent/piece-length.ts';
import { encodeTorrent, type TorrentFile } from '../torrent/torrent-file.ts';

export type MakeTorrentCall = {
  readonly pool: CodecPool;
  /** Waited for before each part. */
  readonly turn: HashTurn;
  readonly signal: AbortSignal;
  /** With the blob's digest, once more: when it was not just done. */
  readonly compares: boolean;
};

/** Undefined when not all of it is held any more. Throws what hashing throws, or the reason of the signal. */
export async function makeTorrent(
  stored: StoredBlob,
  { pool, turn, signal, compares }: MakeTorrentCall,
): Promise<TorrentFile | undefined> {
  const { blobId, sizeBytes } = stored;
  const pieceBytes = pieceBytesOf(sizeBytes);
  if (!stored.isComplete) return undefined;
  using whole = compares ? pool.openHash('sha256') : undefined;
  const hashes: Uint8Array[] = [];
  // A thread hashes at a time what the longest piece has: whole pieces, since all are powers of two.
  const unitBytes = TORRENT_PIECE_BYTES_LONGEST;
  for (let at = 0; at < sizeBytes; at += unitBytes) {
    const length = Math.min(unitBytes, sizeBytes - at);
    await turn(length);
    const held = await stored.read(at, length);
    if (held === undefined) return undefined;
    await whole?.update(held);
    // Moved to the thread: it has to be a buffer of its own.
    const raw = new Uint8Array(held).buffer;
    const job = { raw, length: held.length, pieceBytes: [pieceBytes] };
    const { hashes: found } = await pool.run('piece-hashes', job, { signal });
    hashes.push(...found);
  }
  const digest = (await whole?.digest()) ?? digestOfBlobId(blobId);
  if (digest !== digestOfBlobId(blobId)) {
    // It was right once: its disk is failing.
    stored.refute(0, sizeBytes);
    return undefined;
  }
  // What was given up meanwhile, and came anew, was compared with nothing.
  if (!stored.isComplete) return undefined;
  const pieceHashes = Buffer.concat(hashes);
  return encodeTorrent({ blobId, blobBytes: sizeBytes, pieceBytes, pieceHashes });
}
