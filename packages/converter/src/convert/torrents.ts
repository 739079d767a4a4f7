/**
 * The torrents of an image's data blobs: made from hashes that were taken while a blob was built or
 * that the build cache kept, copied from beside the dictionary that a blob comes from if its manifest names
 * the torrent, or, where there is neither, made of the stored blob. Where nobody insists on torrents a blob that lies in a registry is
 * not fetched for one, and no conversion fails for want of them. A module that only a conversion with
 * torrents loads.
 */
import type { Descriptor, Digest, ImageReference } from '@shoal/oci';
import {
  blobIdOfDigest,
  encodeManifest,
  MediaType,
  ShoalAnnotation,
  sha256Digest,
} from '@shoal/oci';
import type { TorrentFile } from '@shoal/p2p-peer/torrent';
import {
  EMPTY_CONFIG,
  encodeTorrent,
  listTorrents,
  pieceBytesOf,
  readTorrent,
  torrentManifest,
} from '@shoal/p2p-peer/torrent';
import type { ImageStore, ImageTarget } from '@shoal/registry-client';
import type { LayerBlob } from '../blob/layer-blob.ts';
import type { CodecThreads } from '../chunk/codec-threads.ts';
import { readStoredLayer } from '../layer/layer-stream.ts';
import { DICT_TORRENTS_TIMEOUT_MS } from '../limits.ts';
import { likelyPieceBytes, PieceHasher } from '../torrent/piece-hasher.ts';
import type { PieceHashes } from '../torrent/piece-hashes.ts';
import type { ChunkDict } from './chunk-dict.ts';
import type { LayerReport } from './convert-options.ts';
import { writeBlob } from './copy-blob.ts';

export type TorrentsInput = {
  readonly target: ImageTarget;
  readonly targetKind: ImageReference['kind'];
  /** They were asked for: what keeps one from being made or published ends the conversion. */
  readonly isRequired: boolean;
  readonly threads: CodecThreads;
  readonly warn: (text: string) => void;
  readonly signal: AbortSignal;
};

export class Torrents {
  readonly #input: TorrentsInput;
  readonly #target: ImageTarget;
  readonly #threads: CodecThreads;
  readonly #signal: AbortSignal;
  /** By the blob's digest. */
  readonly #known = new Map<Digest, TorrentFile>();
  /** None where they could not be listed: that is not tried again for each blob. */
  readonly #listed = new Map<ChunkDict, Promise<readonly Descriptor[]>>();
  /** Blobs that have none: only fetching them would give the hashes. */
  readonly #leftOut = new Map<Digest, Descriptor>();
  /** The target does not take them: it is not asked again for each platform. */
  #isRefused = false;

  constructor(input: TorrentsInput) {
    this.#input = input;
    this.#target = input.target;
    this.#threads = input.threads;
    this.#signal = input.signal;
  }

  /** Hashes the blob that comes of a layer of so many stored bytes. */
  openHasher(storedBytes: number | undefined): PieceHasher {
    return new PieceHasher(this.#threads.open(), likelyPieceBytes(storedBytes), this.#signal);
  }

  /**
   * The blob with hashes of its pieces; the same one when it has what its torrent needs. What was just
   * written is read back where nobody had foreseen how large it becomes.
   */
  async withPieces(blob: LayerBlob, origin: LayerReport['origin']): Promise<LayerBlob> {
    const { descriptor, pieces } = blob;
    if (pieces?.pieceBytes === pieceBytesOf(descriptor.size)) return blob;
    const place = origin === 'converted' ? undefined : this.#input.targetKind;
    const found = await this.#hashIfPossible(this.#target, descriptor, place);
    return pieces === found ? blob : { ...blob, pieces: found };
  }

  /** Makes the torrent of a blob that has its hashes. */
  addLayerBlob({ descriptor, pieces }: LayerBlob): void {
    if (pieces !== undefined) this.#add(descriptor, torrentOf(descriptor, pieces));
  }

  /** Takes the torrent of a dictionary's blob, or makes it. */
  async addDictBlob(dict: ChunkDict, blob: Descriptor): Promise<void> {
    if (this.#known.has(blob.digest)) return;
    const published = await this.#published(dict, blob);
    if (published !== undefined) return this.#add(blob, published);
    const pieces = await this.#hashIfPossible(dict.store, blob, dict.reference.kind);
    if (pieces !== undefined) this.#add(blob, torrentOf(blob, pieces));
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
    if (this.#isRefused) return;
    try {
      await this.#publish(subject, blobs);
    } catch (error) {
      this.#signal.throwIfAborted();
      if (this.#input.isRequired) throw error;
      this.#isRefused = true;
      this.#input.warn(`the torrents were not published: ${messageOf(error)}`);
    }
  }

  /** Why some blobs have none, once for all. */
  tellLeftOut(): void {
    const blobs = [...this.#leftOut.values()].filter(({ digest }) => !this.#known.has(digest));
    if (blobs.length === 0) return;
    const megabytes = Math.ceil(blobs.reduce((sum, { size }) => sum + size, 0) / 1e6);
    this.#input.warn(
      `${blobs.length} blobs have no torrent: hashes of their pieces were kept nowhere, and nothing is read back from a registry for them (--torrent reads ${megabytes} MB, once)`,
    );
  }

  async #publish(subject: Descriptor, blobs: readonly Descriptor[]): Promise<void> {
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

  #add(blob: Descriptor, torrent: TorrentFile): void {
    this.#known.set(blob.digest, torrent);
  }

  /**
   * That which the dictionary's own manifest names, if it is there. Whoever may push beside the dictionary can say any
   * hashes of its blobs: without the name nobody could tell them from the right ones.
   */
  async #published(dict: ChunkDict, blob: Descriptor): Promise<TorrentFile | undefined> {
    if (blob.annotations?.[ShoalAnnotation.infohash] === undefined) return undefined;
    const listed = this.#listed.get(dict) ?? this.#list(dict);
    this.#listed.set(dict, listed);
    const deadline = this.#deadline();
    try {
      return await readTorrent(dict.store, await listed, blob, deadline);
    } catch {
      this.#signal.throwIfAborted();
      if (deadline.aborted) this.#listed.set(dict, Promise.resolve([]));
      return undefined;
    }
  }

  async #list({ store, manifest }: ChunkDict): Promise<readonly Descriptor[]> {
    try {
      return await listTorrents(store, manifest, this.#deadline());
    } catch {
      this.#signal.throwIfAborted();
      return [];
    }
  }

  /** Where nobody insists on torrents the conversion does not wait for them for long. */
  #deadline(): AbortSignal {
    if (this.#input.isRequired) return this.#signal;
    return AbortSignal.any([this.#signal, AbortSignal.timeout(DICT_TORRENTS_TIMEOUT_MS)]);
  }

  /** Where nobody insists: undefined of what lies in a registry, or cannot be read. */
  async #hashIfPossible(
    store: ImageStore,
    blob: Descriptor,
    place: ImageReference['kind'] | undefined,
  ): Promise<PieceHashes | undefined> {
    if (place === 'registry' && !this.#input.isRequired) {
      this.#leftOut.set(blob.digest, blob);
      return undefined;
    }
    try {
      return await this.#hashStored(store, blob);
    } catch (error) {
      this.#signal.throwIfAborted();
      if (this.#input.isRequired) throw error;
      this.#input.warn(`blob ${blob.digest} has no torrent: ${messageOf(error)}`);
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

function torrentOf({ digest, size }: Descriptor, pieces: PieceHashes): TorrentFile {
  const { pieceBytes, hashes: pieceHashes } = pieces;
  const blobId = blobIdOfDigest(digest);
  return encodeTorrent({ blobId, blobBytes: size, pieceBytes, pieceHashes });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
