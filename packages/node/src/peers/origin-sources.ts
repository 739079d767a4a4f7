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
import { ToldFailures } from './told-failures.ts';
import { urlOfName } from './url-name.ts';
import { webOriginOf } from './web-origin.ts';

export type OriginSourcesInput = {
  readonly access: ImageAccess;
  readonly shape: (source: BlobSource) => BlobSource;
  /** `registry`, or the beginning of a `registry/repository` up to a slash. */
  readonly rules: readonly string[];
  /** Of authorities that web servers may have, beside the system's. */
  readonly caFile: string | undefined;
  /** A read of that repository has failed. */
  readonly onFailed: (repository: string, error: unknown) => void;
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
    const { shape, onFailed } = this.#input;
    const source = shape(this.#sourceOf(repository, url));
    const told = new ToldFailures(source, (error) => onFailed(repository, error));
    this.#open.set(repository, told);
    return told;
  }

  #sourceOf(repository: string, url: URL | undefined): BlobSource {
    const { access, caFile } = this.#input;
    if (url !== undefined) return webOriginOf(url, { caFile });
    const reference = `docker://${repository}`;
    return access.lazySource({ reference, source: {}, missPolicy: { kind: 'wait' } }, []);
  }

  async close(): Promise<void> {
    const sources = [...this.#open.values()];
    this.#open.clear();
    await Promise.all(sources.map((source) => source.close()));
  }
}
