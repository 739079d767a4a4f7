/**
 * What the repositories of the embedded registry hold: links to blobs, manifests, tags, referrers.
 */
import { type Descriptor, type Digest, parseManifest } from '@shoal/oci';
import { referrerDescriptor } from '../referrer-descriptor.ts';

export type StoredManifest = { readonly bytes: Buffer; readonly descriptor: Descriptor };

export type Repository = {
  readonly blobs: Set<Digest>;
  readonly manifests: Map<Digest, StoredManifest>;
  readonly tags: Map<string, Digest>;
  /** Manifests by the digest of their subject. */
  readonly referrers: Map<Digest, Descriptor[]>;
};

export class RepositoryShelf {
  readonly #repositories = new Map<string, Repository>();

  get(name: string): Repository {
    const known = this.#repositories.get(name);
    if (known !== undefined) return known;
    const made: Repository = {
      blobs: new Set(),
      manifests: new Map(),
      tags: new Map(),
      referrers: new Map(),
    };
    this.#repositories.set(name, made);
    return made;
  }

  names(): readonly string[] {
    return [...this.#repositories.keys()].sort();
  }
}

/** A manifest by tag or digest. */
export function findManifest(repository: Repository, name: string): StoredManifest | undefined {
  for (const [digest, stored] of repository.manifests) if (digest === name) return stored;
  const digest = repository.tags.get(name);
  return digest === undefined ? undefined : repository.manifests.get(digest);
}

/** Content a manifest needs that the repository does not have. */
export function missingContent(repository: Repository, bytes: Buffer): Digest | undefined {
  const document = parseManifest(bytes);
  const wanted =
    document.kind === 'index' ? document.manifests : [document.config, ...document.layers];
  return wanted.find(
    ({ digest, urls }) =>
      !repository.blobs.has(digest) &&
      !repository.manifests.has(digest) &&
      (urls === undefined || urls.length === 0),
  )?.digest;
}

/** Returns what the manifest refers to, if anything. */
export function storeManifest(
  repository: Repository,
  bytes: Buffer,
  mediaType: string,
  digest: Digest,
): { readonly subject: Digest | undefined } {
  const document = parseManifest(bytes);
  const descriptor: Descriptor = { mediaType, digest, size: bytes.byteLength };
  repository.manifests.set(digest, { bytes, descriptor });
  const subject = document.subject?.digest;
  if (subject !== undefined) {
    const others = (repository.referrers.get(subject) ?? []).filter(
      (entry) => entry.digest !== digest,
    );
    repository.referrers.set(subject, [...others, referrerDescriptor(descriptor, document)]);
  }
  return { subject };
}
