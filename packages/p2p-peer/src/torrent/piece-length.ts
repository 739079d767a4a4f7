/**
 * How long the pieces of a blob's torrent are. It follows from the blob's size alone, so that everybody
 * who has the blob makes the same torrent of it.
 */
import { TORRENT_PIECE_BYTES_LONGEST } from '../limits.ts';

/** Blobs up to `blobBytesMax` have pieces of `pieceBytes`. */
const STEPS: readonly { readonly blobBytesMax: number; readonly pieceBytes: number }[] = [
  { blobBytesMax: (64 << 20) - 1, pieceBytes: 256 << 10 },
  { blobBytesMax: 8 * 2 ** 30, pieceBytes: 1 << 20 },
];

/** Bytes of a piece: 256 KiB below 64 MiB, 4 MiB above 8 GiB, 1 MiB between. */
export function pieceBytesOf(blobBytes: number): number {
  const step = STEPS.find(({ blobBytesMax }) => blobBytes <= blobBytesMax);
  return step?.pieceBytes ?? TORRENT_PIECE_BYTES_LONGEST;
}

/** Of all pieces but the last, which holds what is left. */
export function pieceCountOf(blobBytes: number, pieceBytes: number): number {
  return Math.ceil(blobBytes / pieceBytes);
}
