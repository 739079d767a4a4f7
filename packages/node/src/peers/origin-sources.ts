/** The daemon's own way to the repositories that it fetches from for others, one source for each. */
import type { BlobSource } from '@shoal/blob-store';
import { parseReference } from '@shoal/oci';
import type { ImageAccess } from '@shoal/snapshotter';
import { LRUCache } from 'lru-cache';
import { ORIGINS_OPEN_MAX } from '../limits.ts';

export class OriginSources {
  readonly #access: ImageAccess;
  readonly #shape: (source: BlobSource) => BlobSource;
  readonly #open: LRUCache<string, BlobSource>;

  constructor(access: ImageAccess, shape: (source: BlobSource) => BlobSource) {
    this.#access = access;
    this.#shape = shape;
    this.#open = new LRUCache({
      max: ORIGINS_OPEN_MAX,
      // A read that runs on it fails, and is tried elsewhere.
      dispose: (source) => void source.close().catch(() => undefined),
    });
  }

  /** Undefined for a name that is no `registry/repository`. */
  of(repository: string): BlobSource | undefined {
    const known = this.#open.get(repository);
    if (known !== undefined) return known;
    if (!isRepository(repository)) return undefined;
    const target = { reference: repository, source: {}, missPolicy: { kind: 'wait' } } as const;
    const source = this.#shape(this.#access.lazySource(target, []));
    this.#open.set(repository, source);
    return source;
  }

  async close(): Promise<void> {
    const sources = [...this.#open.values()];
    this.#open.clear();
    await Promise.all(sources.map((source) => source.close()));
  }
}

/** As it is told between hosts: a registry, a slash, a repository; no tag, no digest. */
function isRepository(text: string): boolean {
  try {
    const reference = parseReference(`docker://${text}`);
    return (
      reference.kind === 'registry' && `${reference.registry}/${reference.repository}` === text
    );
  } catch {
    return false;
  }
}
