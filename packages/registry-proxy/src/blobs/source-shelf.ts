/**
 * The sources of blobs that are open, one per repository and authorization. The longest unused is
 * closed when there are too many, and no earlier than its last read has ended.
 */
import type { BlobSource } from '@shoal/blob-store';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../clock.ts';
import { SOURCES_MAX } from '../limits.ts';
import type { ProxyRequest } from '../request/proxy-request.ts';
import { OriginSource } from './origin-source.ts';
import { SourceRest } from './source-rest.ts';
import { WatchedOrigin } from './watched-origin.ts';

/** What a source is for. */
export type BlobSourceRequest = {
  /** The upstream's name. */
  readonly upstream: string;
  readonly repository: string;
  /** The client's header, in mode `challenge`: a secret. */
  readonly authorization: string | undefined;
  /** The registry itself; it is closed by the proxy. */
  readonly origin: BlobSource;
};

/**
 * Puts something before the registry. What it answers in time is not asked of the registry. Reads that
 * are cancelled may still be ending when it is closed.
 */
export type BlobSourceFactory = (request: BlobSourceRequest) => BlobSource;

/** What every read of a registry goes through: a limit that the host has. */
export type OriginShape = (origin: BlobSource) => BlobSource;

export type SourceFactories = {
  readonly blobSource?: BlobSourceFactory | undefined;
  readonly shapeOrigin?: OriginShape | undefined;
};

/** What lies before the registry. */
export type SharedSource = {
  readonly source: BlobSource;
  /** Its own way to the registry. */
  readonly origin: WatchedOrigin;
  readonly rest: SourceRest;
};

export type OpenSource = {
  readonly shared: SharedSource | undefined;
  /** The registry, within the limits of the host. */
  readonly origin: BlobSource;
  /** The same without them, for digests that are no blob ids, and whole transfers. */
  readonly registry: OriginSource;
};

type Entry = OpenSource & { users: number; isDiscarded: boolean };

export class SourceShelf {
  readonly #factories: SourceFactories;
  readonly #clock: Clock;
  readonly #closing = new Set<Promise<void>>();
  readonly #entries = new LRUCache<string, Entry>({
    max: SOURCES_MAX,
    dispose: (entry) => {
      entry.isDiscarded = true;
      this.#closeUnused(entry);
    },
  });

  constructor(factories: SourceFactories, clock: Clock) {
    this.#factories = factories;
    this.#clock = clock;
  }

  /** Something other than the registry may have blobs, or says how they are read. */
  get hasFactory(): boolean {
    const { blobSource, shapeOrigin } = this.#factories;
    return blobSource !== undefined || shapeOrigin !== undefined;
  }

  async use<Value>(
    request: ProxyRequest,
    work: (source: OpenSource) => Promise<Value>,
  ): Promise<Value> {
    const key = JSON.stringify(request.place);
    const entry = this.#entries.get(key) ?? this.#open(request);
    this.#entries.set(key, entry);
    entry.users++;
    try {
      return await work(entry);
    } finally {
      entry.users--;
      this.#closeUnused(entry);
    }
  }

  #open({ upstream, repository, caller }: ProxyRequest): Entry {
    const { blobSource, shapeOrigin } = this.#factories;
    const registry = new OriginSource(upstream, repository, caller);
    const origin = shapeOrigin?.(registry) ?? registry;
    const watched = new WatchedOrigin(origin);
    const authorization = caller.kind === 'client' ? caller.authorization : undefined;
    const request = { upstream: upstream.name, repository, authorization, origin: watched };
    const source = blobSource?.(request);
    const rest = new SourceRest(this.#clock);
    const shared = source === undefined ? undefined : { source, origin: watched, rest };
    return { shared, origin, registry, users: 0, isDiscarded: false };
  }

  #closeUnused(entry: Entry): void {
    if (!entry.isDiscarded || entry.users > 0) return;
    const closing = closeSources(entry);
    this.#closing.add(closing);
    void closing.finally(() => this.#closing.delete(closing));
  }

  /** Resolves when those are closed that nobody reads from any more. */
  async close(): Promise<void> {
    this.#entries.clear();
    await Promise.all(this.#closing);
  }
}

async function closeSources({ shared, origin }: OpenSource): Promise<void> {
  await shared?.source.close().catch(() => undefined);
  await origin.close().catch(() => undefined);
}
