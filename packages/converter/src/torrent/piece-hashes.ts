/** Hashes of a blob's pieces, as its torrent has them. */
export type PieceHashes = {
  readonly pieceBytes: number;
  /** SHA-1 of each piece, back to back. */
  readonly hashes: Buffer;
};

/** Of a SHA-1. */
export const PIECE_HASH_BYTES = 20;

/** Bytes that the hashes of a blob take. */
export function pieceHashesSize(blobBytes: number, pieceBytes: number): number {
  return Math.ceil(blobBytes / pieceBytes) * PIECE_HASH_BYTES;
}
