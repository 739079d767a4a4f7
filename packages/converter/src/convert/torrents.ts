/**
 * The torrents of an image's data blobs: made from hashes that were taken while a blob was built or
 * that the build cache kept, copied from the image that a blob comes from, or, where there is
 * neither, made of the stored blob. A module that only a conversion with torrents loads.
 */
import type { Descriptor, Digest } from '@shoal/oci';
import { blobIdOfDigest, encodeManifest, MediaType, sha256Digest } from '@shoal/oci';
import type { PublishedTorrent } from '@shoal/p2p-peer/torrent';
import {
  decodeMetainfo,
  EMPTY_CONFIG,
  encodeMetainfo,
  listTorrents,
  pieceBytesOf,
  readTorrent,
  torrentManifest,
} from '@shoal/p2p-peer/torrent';
import type { ImageStore, ImageTarget } from '@shoal/registry-client';
import type { LayerBlob } from '../blob/layer-blob.ts';
import type { CodecThreads } from '../chunk/codec-threads.ts';
import { readStoredLayer } from '../layer/layer-stream.ts';
import { likelyPieceBytes, PieceHasher } from '../torrent/piece-hasher.ts';
import type { PieceHashes } from '../torrent/piece-hashes.ts';
import type { ChunkDict } from './chunk-dict.ts';
import { writeBlob } from './copy-blob.ts';

export class Torrents {
  readonly #target: ImageTarget;
  readonly #threads: CodecThreads;
  readonly #signal: AbortSignal;
  /** By the blob's digest. */
  readonly #known = new Map<Digest, PublishedTorrent>();
  readonly #listed = new Map<ChunkDict, readonly Descriptor[]>();

  constructor(target: ImageTarget, threads: CodecThreads, signal: AbortSignal) {
    this.#target = target;
    this.#threads = threads;
    this.#signal = signal;
  }

  /** Hashes the blob that comes of a layer of so many stored bytes. */
  openHasher(storedBytes: number | undefined): PieceHasher {
    return new PieceHasher(this.#threads.open(), likelyPieceBytes(storedBytes), this.#signal);
  }

  /** The blob with hashes of its pieces; the same one when it has what its torrent needs. */
  async withPieces(blob: LayerBlob): Promise<LayerBlob> {
    const { descriptor, pieces } = blob;
    if (pieces?.pieceBytes === pieceBytesOf(descriptor.size)) return blob;
    return { ...blob, pieces: await this.#hashStored(this.#target, descriptor) };
  }

  /** Makes the torrent of a blob that has its hashes. */
  addLayerBlob({ descriptor, pieces }: LayerBlob): void {
    if (pieces !== undefined) this.#add(descriptor, torrentOf(descriptor, pieces));
  }

  /** Takes the torrent of a dictionary's blob, or makes it. */
  async addDictBlob(dict: ChunkDict, blob: Descriptor): Promise<void> {
    if (this.#known.has(blob.digest)) return;
    const torrent =
      (await this.#published(dict, blob)) ??
      torrentOf(blob, await this.#hashStored(dict.store, blob));
    this.#add(blob, torrent);
  }

  infohashOf({ digest }: Pick<Descriptor, 'digest'>): string | undefined {
    return this.#known.get(digest)?.metainfo.infohash;
  }

  /** Of those blobs that have a torrent. */
  infohashes(): ReadonlyMap<Digest, string> {
    return new Map([...this.#known].map(([digest, { metainfo }]) => [digest, metainfo.infohash]));
  }

  /** Stores an artifact for each of the blobs; nothing names them but what they say of `subject`. */
  async publish(subject: Descriptor, blobs: readonly Descriptor[]): Promise<void> {
    const digests = new Set(blobs.map(({ digest }) => digest));
    const torrents = [...digests].flatMap((digest) => this.#known.get(digest) ?? []);
    if (torrents.length > 0) await this.#write(EMPTY_CONFIG, MediaType.ociEmpty);
    for (const torrent of torrents) {
      await this.#write(torrent.bytes, MediaType.bittorrent);
      const bytes = encodeManifest(torrentManifest(torrent, subject));
      const options = { tag: false, signal: this.#signal } as const;
      await this.#target.writeManifest(bytes, MediaType.ociManifest, options);
    }
  }

  async #write(bytes: Buffer, mediaType: string): Promise<void> {
    const identity = { digest: sha256Digest(bytes), mediaType };
    await writeBlob(this.#target, bytes, identity, this.#signal);
  }

  #add(blob: Descriptor, torrent: PublishedTorrent): void {
    this.#known.set(blob.digest, torrent);
  }

  /** That of the image the blob comes from, if it has a sound one. */
  async #published(dict: ChunkDict, blob: Descriptor): Promise<PublishedTorrent | undefined> {
    try {
      const listed =
        this.#listed.get(dict) ?? (await listTorrents(dict.store, dict.manifest, this.#signal));
      this.#listed.set(dict, listed);
      return await readTorrent(dict.store, listed, blob, this.#signal);
    } catch {
      this.#signal.throwIfAborted();
      return undefined;
    }
  }

  async #hashStored(store: ImageStore, blob: Descriptor): Promise<PieceHashes> {
    const pieceBytes = pieceBytesOf(blob.size);
    const hasher = new PieceHasher(this.#threads.open(), [pieceBytes], this.#signal);
    for await (const bytes of await readStoredLayer(store, blob, this.#signal)) {
      hasher.add(bytes);
      await hasher.whenReady();
    }
    return (await hasher.finish()) ?? { pieceBytes, hashes: Buffer.alloc(0) };
  }
}

function torrentOf({ digest, size }: Descriptor, pieces: PieceHashes): PublishedTorrent {
  const { bytes } = encodeMetainfo({
    blobId: blobIdOfDigest(digest),
    blobBytes: size,
    pieceBytes: pieces.pieceBytes,
    pieceHashes: pieces.hashes,
    announce: [],
  });
  return { metainfo: decodeMetainfo(bytes), bytes };
}
