/**
 * The blobs that may be announced: those that a host which may read a repository has said to be in
 * it. Without this, anybody's content could be spread by way of our tracker. Soft: what nobody has told
 * of for a while is forgotten.
 */
import { type BlobId, parseBlobId } from '@shoal/oci';
import { LRUCache } from 'lru-cache';
import { parseSwarmId, type SwarmId, swarmIdOf } from '../../identity/swarm-id.ts';
import { isCovered } from '../../trust/grant.ts';
import { KNOWN_BLOBS_MAX, REPOSITORIES_PER_BLOB_MAX } from '../limits.ts';

export type KnownBlob = {
  readonly blobId: BlobId;
  readonly swarmId: SwarmId;
  /** `registry/repository`. */
  readonly repositories: Set<string>;
  sizeBytes: number;
  /** Of an image, for people. */
  name: string;
  infohash: SwarmId | undefined;
};

export type BlobNews = {
  readonly blob: string;
  readonly repository: string;
  readonly sizeBytes?: number | undefined;
  readonly name?: string | undefined;
  readonly infohash?: string | undefined;
};

export class KnownBlobs {
  readonly #bySwarm = new LRUCache<string, KnownBlob>({
    max: KNOWN_BLOBS_MAX,
    dispose: (known) => this.#forgetInfohash(known),
  });
  readonly #byInfohash = new Map<string, KnownBlob>();
  readonly #publicRules: readonly string[];

  /** `publicRules`: rules of repositories that anybody may read. */
  constructor(publicRules: readonly string[]) {
    this.#publicRules = publicRules;
  }

  get size(): number {
    return this.#bySwarm.size;
  }

  values(): Iterable<KnownBlob> {
    return this.#bySwarm.values();
  }

  /** By the id that our hosts meet under, or the infohash of its torrent. */
  get(id: string): KnownBlob | undefined {
    return this.#bySwarm.get(id) ?? this.#byInfohash.get(id);
  }

  /** Of an infohash that anybody may ask for. */
  publicTorrent(infohash: string): KnownBlob | undefined {
    const known = this.#byInfohash.get(infohash);
    if (known === undefined) return undefined;
    const rules = { repositories: this.#publicRules };
    return [...known.repositories].some((name) => isCovered(rules, name)) ? known : undefined;
  }

  /** Told by a host whose grant covers the repository: the caller has seen to that. */
  learn(news: BlobNews): KnownBlob {
    const blobId = parseBlobId(news.blob);
    const swarmId = swarmIdOf(blobId);
    const known = this.#bySwarm.get(swarmId) ?? this.#add(blobId, swarmId);
    if (known.repositories.size < REPOSITORIES_PER_BLOB_MAX)
      known.repositories.add(news.repository);
    // The first who says it is believed: another number later would make everybody's share wrong.
    if (known.sizeBytes === 0 && news.sizeBytes !== undefined) known.sizeBytes = news.sizeBytes;
    if (known.name === '' && news.name !== undefined) known.name = news.name;
    if (known.infohash === undefined && news.infohash !== undefined) {
      this.#nameTorrent(known, parseSwarmId(news.infohash));
    }
    return known;
  }

  #add(blobId: BlobId, swarmId: SwarmId): KnownBlob {
    const known: KnownBlob = {
      blobId,
      swarmId,
      repositories: new Set(),
      sizeBytes: 0,
      name: '',
      infohash: undefined,
    };
    this.#bySwarm.set(swarmId, known);
    return known;
  }

  /** The first one stays: a torrent is of one blob. */
  #nameTorrent(known: KnownBlob, infohash: SwarmId): void {
    if (this.#byInfohash.has(infohash)) return;
    known.infohash = infohash;
    this.#byInfohash.set(infohash, known);
  }

  #forgetInfohash({ infohash }: KnownBlob): void {
    if (infohash !== undefined) this.#byInfohash.delete(infohash);
  }
}
