/**
 * Manifests by digest, in memory and, where there is a directory, on the disk. Who may have one is
 * decided elsewhere: here is only what the bytes are.
 */
import type { Digest } from '@shoal/oci';
import { LRUCache } from 'lru-cache';
import {
  MANIFEST_DISK_BYTES_MAX,
  MANIFEST_MEMORY_BYTES_MAX,
  MANIFEST_MEMORY_EXTRA_BYTES,
} from '../limits.ts';
import { ManifestFiles, type StoredManifest } from './manifest-files.ts';

export class ManifestCache {
  readonly #memory = new LRUCache<Digest, StoredManifest>({
    maxSize: MANIFEST_MEMORY_BYTES_MAX,
    sizeCalculation: ({ bytes }) => bytes.byteLength + MANIFEST_MEMORY_EXTRA_BYTES,
  });
  readonly #files: ManifestFiles | undefined;

  private constructor(files: ManifestFiles | undefined) {
    this.#files = files;
  }

  /** Without a directory in memory only. Throws the system's error for one that cannot be used. */
  static async open(
    directory: string | undefined,
    diskBytesMax: number = MANIFEST_DISK_BYTES_MAX,
  ): Promise<ManifestCache> {
    return new ManifestCache(
      directory === undefined ? undefined : await ManifestFiles.open(directory, diskBytesMax),
    );
  }

  async find(digest: Digest): Promise<StoredManifest | undefined> {
    const known = this.#memory.get(digest);
    if (known !== undefined || this.#files === undefined) return known;
    const stored = await this.#files.read(digest);
    if (stored !== undefined) this.#memory.set(digest, stored);
    return stored;
  }

  /** The caller has verified the bytes. */
  add(manifest: StoredManifest): void {
    this.#memory.set(manifest.digest, manifest);
    this.#files?.add(manifest);
  }

  /** Resolves when the disk has everything. */
  async close(): Promise<void> {
    await this.#files?.close();
  }
}
