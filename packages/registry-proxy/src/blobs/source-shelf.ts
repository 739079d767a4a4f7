/**
 * The sources of blobs that are open, one per repository and authorization. The longest unused is
 * closed when there are too many, and no earlier than its last read has ended.
 */
import type { BlobSource } from '@shoal/blob-store';
import { LRUCache } from 'lru-cache';
import { SOURCES_MAX } from '../limits.ts';
import type { ProxyRequest } from '../request/proxy-request.ts';
import { OriginSource } from './origin-source.ts';

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

/** Puts something before the registry. What it answers is not asked of the registry. */
export type BlobSourceFactory = (request: BlobSourceRequest) => BlobSource;

export type OpenSource = {
  readonly source: BlobSource;
  readonly origin: OriginSource;
};

type Entry = OpenSource & { users: number; isDiscarded: boolean };

export class SourceShelf {
  readonly #factory: BlobSourceFactory | undefined;
  readonly #closing = new Set<Promise<void>>();
  readonly #entries = new LRUCache<string, Entry>({
    max: SOURCES_MAX,
    dispose: (entry) => {
      entry.isDiscarded = true;
      this.#closeUnused(entry);
    },
  });

  constructor(factory: BlobSourceFactory | undefined) {
    this.#factory = factory;
  }

  /** Something other than the registry may have blobs. */
  get hasFactory(): boolean {
    return this.#factory !== undefined;
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
    const origin = new OriginSource(upstream, repository, caller);
    const authorization = caller.kind === 'client' ? caller.authorization : undefined;
    const source =
      this.#factory?.({ upstream: upstream.name, repository, authorization, origin }) ?? origin;
    return { source, origin, users: 0, isDiscarded: false };
  }

  #closeUnused(entry: Entry): void {
    if (!entry.isDiscarded || entry.users > 0) return;
    const closing = entry.source.close().catch(() => undefined);
    this.#closing.add(closing);
    void closing.finally(() => this.#closing.delete(closing));
  }

  /** Resolves when those are closed that nobody reads from any more. */
  async close(): Promise<void> {
    this.#entries.clear();
    await Promise.all(this.#closing);
  }
}
