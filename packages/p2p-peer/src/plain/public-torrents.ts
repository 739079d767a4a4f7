/**
 * Torrents of blobs that standard clients may have: of one that is here as a whole what follows from it, once it was
 * hashed, and nothing else; of one that is here in part the one that was published with an image. Anybody may name a
 * popular blob in an image of his, and publish hashes that are not of its pieces: nobody could fetch it by them. Some
 * pieces that are held are compared with them. Their info dictionaries stay in memory, so all of them together are bounded.
 */
import { MetainfoError } from '../errors.ts';
import type { SwarmId } from '../identity/swarm-id.ts';
import type { BlobPlace } from '../store/shared-images.ts';
import type { StoredBlob } from '../store/stored-blob.ts';
import { infoBytesOf } from '../torrent/info-bytes.ts';
import { encodeMetainfo, PIECE_HASH_BYTES } from '../torrent/metainfo.ts';
import { pieceBytesOf, pieceCountOf } from '../torrent/piece-length.ts';
import type { TorrentFile } from '../torrent/torrent-file.ts';
import { HeldPieces } from './held-pieces.ts';
import { PUBLIC_INFO_BYTES_MAX } from './limits.ts';
import type { PublicOrigin } from './public-origin.ts';

export type PublicTorrent = {
  readonly infohash: SwarmId;
  readonly pieceBytes: number;
  readonly infoBytes: Buffer;
  /** Those in it. */
  readonly pieceHashes: Buffer;
  /** Of hashes that were taken here; otherwise it is what somebody says. */
  readonly isMade: boolean;
  /** Of one that is not made here. */
  readonly compared: HeldPieces;
};

export type PublicTorrentsInput = {
  readonly origin: Pick<PublicOrigin, 'torrent'>;
  /** Of one whose every byte is held here; undefined of others, and while it is being made. */
  readonly madeTorrent: (stored: StoredBlob) => TorrentFile | undefined;
  readonly onProblem: (error: unknown) => void;
  /** @default PUBLIC_INFO_BYTES_MAX */
  readonly infoBytesMax?: number | undefined;
};

export type TakeOptions = {
  /** What is offered by now. */
  readonly before?: PublicTorrent | undefined;
  readonly signal: AbortSignal;
};

export class PublicTorrents {
  readonly #input: PublicTorrentsInput;
  readonly #infoBytesMax: number;
  #infoBytes = 0;

  constructor(input: PublicTorrentsInput) {
    this.#input = input;
    this.#infoBytesMax = input.infoBytesMax ?? PUBLIC_INFO_BYTES_MAX;
  }

  /**
   * It takes its place until it is released; `before`, which it comes instead of, has to be released then. Undefined
   * where there is none, none that is better than `before`, or no room for it.
   */
  async take(
    stored: StoredBlob,
    place: BlobPlace,
    { before, signal }: TakeOptions,
  ): Promise<PublicTorrent | undefined> {
    const { sizeBytes, held } = stored;
    const isMade = held.bytes === sizeBytes;
    if (before !== undefined && (before.isMade || !isMade)) return undefined;
    const freed = before?.infoBytes.length ?? 0;
    const pieces = pieceCountOf(sizeBytes, pieceBytesOf(sizeBytes));
    // Before it is fetched, and again when it is there: others may have come meanwhile.
    if (!this.#hasRoom(pieces * PIECE_HASH_BYTES - freed)) return undefined;
    const torrent = isMade
      ? this.#input.madeTorrent(stored)
      : await this.#published(stored, place, signal);
    if (torrent === undefined || signal.aborted) return undefined;
    const { infohash, pieceBytes, pieceHashes: hashes } = torrent.metainfo;
    // A copy: the rest of the file goes.
    const infoBytes = Buffer.from(infoBytesOf(torrent.bytes));
    if (!this.#hasRoom(infoBytes.length - freed)) return undefined;
    this.#infoBytes += infoBytes.length;
    const at = infoBytes.indexOf(hashes);
    const pieceHashes = infoBytes.subarray(at, at + hashes.length);
    const compared = new HeldPieces();
    return { infohash, pieceBytes, infoBytes, pieceHashes, isMade, compared };
  }

  /** That it is none of this blob has been seen at what is held of it. */
  async isForged(stored: StoredBlob, torrent: PublicTorrent): Promise<boolean> {
    return !torrent.isMade && !(await torrent.compared.agree(stored, torrent));
  }

  release({ infoBytes }: PublicTorrent): void {
    this.#infoBytes -= infoBytes.length;
  }

  #hasRoom(bytes: number): boolean {
    return this.#infoBytes + bytes <= this.#infoBytesMax;
  }

  async #published(
    { blobId, sizeBytes }: StoredBlob,
    place: BlobPlace,
    signal: AbortSignal,
  ): Promise<TorrentFile | undefined> {
    const { origin, onProblem } = this.#input;
    try {
      const published = await origin.torrent(place, { blobId, sizeBytes }, signal);
      if (published !== undefined) checkIsUsual(published, sizeBytes);
      return published;
    } catch (error) {
      onProblem(error);
      return undefined;
    }
  }
}

/** As every conversion makes it: nothing else in its dictionary, no other pieces. Throws `ERR_P2P_METAINFO`. */
function checkIsUsual({ metainfo }: TorrentFile, sizeBytes: number): void {
  const isUsual =
    metainfo.blobBytes === sizeBytes &&
    metainfo.pieceBytes === pieceBytesOf(sizeBytes) &&
    encodeMetainfo(metainfo).infohash === metainfo.infohash;
  if (!isUsual) throw new MetainfoError('no conversion makes such a torrent of the blob');
}
