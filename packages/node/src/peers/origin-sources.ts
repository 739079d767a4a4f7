/**
 * The daemon's own way to the repositories that it fetches from for others, one source for each: of
 * registries that the configuration names, and of what this host reads itself. Others decide which
 * repository they name, so nothing else is contacted.
 */
import type { BlobSource } from '@shoal/blob-store';
import { isRepositoryName } from '@shoal/oci';
import type { HomeOrigin } from '@shoal/p2p-peer';
import type { ImageAccess } from '@shoal/snapshotter';
import { LRUCache } from 'lru-cache';
import { isCovered } from '../config/source-rules.ts';
import { ORIGINS_OPEN_MAX } from '../limits.ts';
import { urlOfName } from './url-name.ts';
import { webOriginOf } from './web-origin.ts';

export type OriginSourcesInput = {
  readonly access: ImageAccess;
  readonly shape: (source: BlobSource) => BlobSource;
  /** `registry`, or the beginning of a `registry/repository` up to a slash. */
  readonly rules: readonly string[];
  /** Of authorities that web servers may have, beside the system's. */
  readonly caFile: string | undefined;
};

export class OriginSources {
  readonly #input: OriginSourcesInput;
  readonly #open: LRUCache<string, BlobSource>;

  constructor(input: OriginSourcesInput) {
    this.#input = input;
    this.#open = new LRUCache({
      max: ORIGINS_OPEN_MAX,
      // A read that runs on it fails, and is tried elsewhere.
      dispose: (source) => void source.close().catch(() => undefined),
    });
  }

  /** `isRead`: this host reads from there for itself. Undefined where nothing is fetched for others. */
  of(repository: string, isRead: boolean): HomeOrigin | undefined {
    const isBelieved = isCovered(this.#input.rules, repository);
    if (!isBelieved && !isRead) return undefined;
    const url = urlOfName(repository);
    if (url === undefined && !isRepositoryName(repository)) return undefined;
    const origin = this.#open.get(repository) ?? this.#openSource(repository, url);
    return { origin, isBelieved };
  }

  #openSource(repository: string, url: URL | undefined): BlobSource {
    const { access, shape, caFile } = this.#input;
    if (url !== undefined) {
      const source = shape(webOriginOf(url, { caFile }));
      this.#open.set(repository, source);
      return source;
    }
    const reference = `docker://${repository}`;
    const target = { reference, source: {}, missPolicy: { kind: 'wait' } } as const;
    const source = shape(access.lazySource(target, []));
    this.#open.set(repository, source);
    return source;
  }

  async close(): Promise<void> {
    const sources = [...this.#open.values()];
    this.#open.clear();
    await Promise.all(sources.map((source) => source.close()));
  }
}
