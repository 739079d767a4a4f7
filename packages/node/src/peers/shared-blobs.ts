/**
 * Ranges of whole blobs for programs of this host that compare the digest of the whole themselves: from
 * its store, its peers, or the place that the blob is from.
 */
import type { BlobSource, VerdictListener } from '@shoal/blob-store';
import { blobIdOfDigest, type Digest, formatRepository, parseReference } from '@shoal/oci';
import type { Peer } from '@shoal/p2p-peer';
import type { ImageAccess, MissPolicy, SourceOptions } from '@shoal/snapshotter';
import { LRUCache } from 'lru-cache';
import { UnsharedBlobError } from '../errors.ts';
import { SHARED_BLOBS_OPEN_MAX } from '../limits.ts';
import { urlName } from './url-name.ts';
import { webOriginOf } from './web-origin.ts';

/** What a blob is of. */
export type AskedPlace = {
  /** `registry/repository`, or a URL. */
  readonly from: string;
  readonly source?: SourceOptions | undefined;
};

export type AskedBlob = AskedPlace & { readonly digest: Digest; readonly size: number };

export type AskedRange = AskedBlob & { readonly offset: number; readonly length: number };

export type SharedBytes = {
  readonly bytes: Buffer;
  /** What crossed a wire for it, by whom it came from. */
  readonly fetched: Readonly<Record<string, number>>;
};

export type SharedBlobsInput = {
  /** This host's own way to registries; not closed here. */
  readonly access: ImageAccess;
  readonly shape: (source: BlobSource) => BlobSource;
  readonly peer: Pick<Peer, 'source'>;
  /** Of authorities that web servers may have, beside the system's. */
  readonly caFile: string | undefined;
};

/** What becomes of a read whose origin fails: an error at once, or some more tries before. */
type OnMiss = Exclude<MissPolicy['kind'], 'deadline'>;

type OpenPlace = { readonly source: BlobSource; readers: number; isEvicted: boolean };

export class SharedBlobs {
  readonly #input: SharedBlobsInput;
  readonly #open: LRUCache<string, OpenPlace>;
  /** By place and digest: one that hears for all of a blob is enough. */
  readonly #listeners = new LRUCache<string, VerdictListener>({ max: SHARED_BLOBS_OPEN_MAX });

  constructor(input: SharedBlobsInput) {
    this.#input = input;
    this.#open = new LRUCache({
      max: SHARED_BLOBS_OPEN_MAX,
      dispose: (place) => {
        place.isEvicted = true;
        closeUnused(place);
      },
    });
  }

  /** Throws `ERR_NODE_UNSHARED_BLOB`, and what the origin does. */
  async read(range: AskedRange, signal: AbortSignal): Promise<SharedBytes> {
    const { digest, size, offset, length } = range;
    const fetched: Record<string, number> = {};
    const blob = { blobId: blobIdOfDigest(digest), sizeBytes: size };
    // Whoever asks has a way of his own when this one fails.
    const bytes = await this.source(range, 'fail').read(blob, offset, length, {
      signal,
      priority: 'prefetch',
      onFetched: (name, count) => {
        fetched[name] = (fetched[name] ?? 0) + count;
      },
      onVerdict: (listener) => this.#listeners.set(keyOf(range), listener),
    });
    return { bytes, fetched };
  }

  /** The whole is not what its digest says: nothing of it is given to others any more. */
  refute(blob: AskedBlob): void {
    this.#listeners.get(keyOf(blob))?.(0, blob.size, 'wrong');
    this.#listeners.delete(keyOf(blob));
  }

  /**
   * Blobs of one place, for as long as somebody wants: the place is opened again where it was closed
   * meanwhile. Nothing has to be closed. Reads throw `ERR_NODE_UNSHARED_BLOB`.
   */
  source(place: AskedPlace, onMiss: OnMiss): BlobSource {
    return {
      name: 'shared',
      read: async (...read) => {
        const open = this.#use(place, onMiss);
        open.readers += 1;
        try {
          return await open.source.read(...read);
        } finally {
          open.readers -= 1;
          closeUnused(open);
        }
      },
      close: async () => undefined,
    };
  }

  #use(place: AskedPlace, onMiss: OnMiss): OpenPlace {
    const key = JSON.stringify([place.from, place.source, onMiss]);
    const known = this.#open.get(key);
    if (known !== undefined) return known;
    const { peer, shape } = this.#input;
    const { name, origin } = this.#originOf(place, onMiss);
    const source = peer.source(shape(origin), name, 'believing');
    const open = { source, readers: 0, isEvicted: false };
    this.#open.set(key, open);
    return open;
  }

  #originOf({ from, source = {} }: AskedPlace, kind: OnMiss): { name: string; origin: BlobSource } {
    if (/^https?:\/\//.test(from)) {
      const url = URL.parse(from);
      const name = url === null ? undefined : urlName(url);
      if (url === null || name === undefined) throw new UnsharedBlobError();
      return { name, origin: webOriginOf(url, this.#input) };
    }
    const reference = parseReference(`docker://${from}`);
    if (reference.kind !== 'registry') throw new UnsharedBlobError();
    const name = formatRepository(reference);
    const target = { reference: `docker://${name}`, source, missPolicy: { kind } };
    return { name, origin: this.#input.access.lazySource(target, []) };
  }

  async close(): Promise<void> {
    const places = [...this.#open.values()];
    this.#open.clear();
    this.#listeners.clear();
    await Promise.all(places.map(({ source }) => source.close().catch(() => undefined)));
  }
}

/** No read fails because others read of many places. */
function closeUnused({ source, readers, isEvicted }: OpenPlace): void {
  if (isEvicted && readers === 0) void source.close().catch(() => undefined);
}

function keyOf({ from, digest }: AskedBlob): string {
  return `${from} ${digest}`;
}
