/**
 * Compares the hashes of a torrent that somebody has published with pieces that are held here. Each of them is
 * right, so one that has another hash shows that the torrent is none of the blob. A few are compared, at
 * random: one forged piece among thousands is found only when the blob is whole and its torrent is made here.
 */
import { subtle } from 'node:crypto';
import type { StoredBlob } from '../store/stored-blob.ts';
import { PIECE_HASH_BYTES } from '../torrent/metainfo.ts';
import { PUBLISHED_PIECES_COMPARED_MAX, PUBLISHED_PIECES_PER_LOOK } from './limits.ts';

export type PublishedPieces = {
  readonly pieceBytes: number;
  /** SHA-1 of each, back to back. */
  readonly pieceHashes: Buffer;
};

export type HeldBlob = Pick<StoredBlob, 'held' | 'sizeBytes' | 'read'>;

export class HeldPieces {
  readonly #compared = new Set<number>();

  /** Compares a few more, until there have been enough. False when a hash is not that of the piece. */
  async agree(stored: HeldBlob, { pieceBytes, pieceHashes }: PublishedPieces): Promise<boolean> {
    for (const number of this.#draw([...wholePieces(stored, pieceBytes)])) {
      const start = number * pieceBytes;
      const length = Math.min(pieceBytes, stored.sizeBytes - start);
      const bytes = await stored.read(start, length);
      if (bytes === undefined) continue;
      this.#compared.add(number);
      const at = number * PIECE_HASH_BYTES;
      const said = pieceHashes.subarray(at, at + PIECE_HASH_BYTES);
      // By a thread of the pool: the largest pieces have megabytes.
      const hash = Buffer.from(await subtle.digest('SHA-1', new Uint8Array(bytes)));
      if (!hash.equals(said)) return false;
    }
    return true;
  }

  #draw(pieces: number[]): number[] {
    const left = PUBLISHED_PIECES_COMPARED_MAX - this.#compared.size;
    const fresh = pieces.filter((number) => !this.#compared.has(number));
    const drawn: number[] = [];
    while (drawn.length < Math.min(left, PUBLISHED_PIECES_PER_LOOK) && fresh.length > 0) {
      drawn.push(...fresh.splice(Math.floor(Math.random() * fresh.length), 1));
    }
    return drawn;
  }
}

function* wholePieces({ held, sizeBytes }: HeldBlob, pieceBytes: number): Generator<number> {
  for (const { start, end } of held) {
    const isToEnd = end === sizeBytes;
    const after = isToEnd ? Math.ceil(end / pieceBytes) : Math.floor(end / pieceBytes);
    for (let number = Math.ceil(start / pieceBytes); number < after; number++) yield number;
  }
}
