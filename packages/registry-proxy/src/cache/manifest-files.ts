/**
 * Manifests on the disk, a file for each digest: its media type, a line break, its bytes. What is read
 * is verified against its name; a file that is damaged goes. The oldest go when there is no room.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RunningTasks } from '@shoal/concurrency';
import { type Digest, digestLike, isDigest, MANIFEST_BYTES_MAX } from '@shoal/oci';
import { LRUCache } from 'lru-cache';
import { MANIFEST_FILE_HEAD_BYTES_MAX } from '../limits.ts';

export type StoredManifest = {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly bytes: Buffer;
};

export class ManifestFiles {
  readonly #directory: string;
  readonly #known: LRUCache<Digest, number>;
  /** Nobody waits for them but who closes. */
  readonly #tasks = new RunningTasks();

  private constructor(directory: string, bytesMax: number) {
    this.#directory = directory;
    this.#known = new LRUCache<Digest, number>({
      maxSize: bytesMax,
      sizeCalculation: (bytes) => Math.max(1, bytes),
      dispose: (_, digest, reason) => {
        if (reason === 'evict') this.#tasks.add(this.#remove(digest));
      },
    });
  }

  /** Throws the system's error for a directory that cannot be made or read. */
  static async open(directory: string, bytesMax: number): Promise<ManifestFiles> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const files = new ManifestFiles(directory, bytesMax);
    await files.#scan();
    return files;
  }

  /** What a killed process left half written has no digest for a name. */
  async #scan(): Promise<void> {
    const found: { digest: Digest; bytes: number; usedAtMs: number }[] = [];
    for (const name of await readdir(this.#directory)) {
      const digest = name.replace('-', ':');
      const path = join(this.#directory, name);
      const facts = await stat(path).catch(() => undefined);
      if (!isDigest(digest) || facts?.isFile() !== true) {
        if (name.startsWith('.part-')) await rm(path, { force: true });
        continue;
      }
      found.push({ digest, bytes: facts.size, usedAtMs: facts.mtimeMs });
    }
    found.sort((a, b) => a.usedAtMs - b.usedAtMs);
    for (const { digest, bytes } of found) this.#known.set(digest, bytes);
  }

  /** Undefined when it is not there, or is damaged. */
  async read(digest: Digest): Promise<StoredManifest | undefined> {
    if (this.#known.get(digest) === undefined) return undefined;
    const path = this.#pathOf(digest);
    const facts = await stat(path).catch(() => undefined);
    const isSane =
      facts !== undefined && facts.size <= MANIFEST_BYTES_MAX + MANIFEST_FILE_HEAD_BYTES_MAX;
    const file = isSane ? await readFile(path).catch(() => undefined) : undefined;
    const manifest = file === undefined ? undefined : decode(file, digest);
    if (manifest === undefined) {
      this.#known.delete(digest);
      await rm(path, { force: true }).catch(() => undefined);
      return undefined;
    }
    const now = new Date();
    await utimes(path, now, now).catch(() => undefined);
    return manifest;
  }

  /** Soon, not at once. A disk that is full or gone costs only the copy. */
  add(manifest: StoredManifest): void {
    if (!this.#known.has(manifest.digest)) this.#tasks.add(this.#write(manifest));
  }

  async #write({ digest, mediaType, bytes }: StoredManifest): Promise<void> {
    const part = join(this.#directory, `.part-${randomBytes(8).toString('hex')}`);
    try {
      const head = Buffer.from(`${mediaType}\n`);
      await writeFile(part, Buffer.concat([head, bytes]), { mode: 0o600, flag: 'wx' });
      await rename(part, this.#pathOf(digest));
      this.#known.set(digest, head.byteLength + bytes.byteLength);
    } catch {
      await rm(part, { force: true }).catch(() => undefined);
    }
  }

  async #remove(digest: Digest): Promise<void> {
    await rm(this.#pathOf(digest), { force: true }).catch(() => undefined);
  }

  /** Resolves when everything that was added is there. */
  close(): Promise<void> {
    return this.#tasks.ended();
  }

  #pathOf(digest: Digest): string {
    return join(this.#directory, digest.replace(':', '-'));
  }
}

function decode(file: Buffer, digest: Digest): StoredManifest | undefined {
  const end = file.subarray(0, MANIFEST_FILE_HEAD_BYTES_MAX).indexOf(0x0a);
  if (end === -1) return undefined;
  const bytes = file.subarray(end + 1);
  if (digestLike(digest, bytes) !== digest) return undefined;
  return { digest, mediaType: file.toString('utf8', 0, end), bytes };
}
