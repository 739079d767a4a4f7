/**
 * Build cache in a directory: one file per record, `<key>.layer`, its SHA-256 in front. Files
 * appear by renaming, so that conversions may share a directory.
 */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '@shoal/errors';
import { pseudoFileSystemOf } from '@shoal/linux/pseudo-file-system';
import { printableName } from '@shoal/rafs';
import { BuildCacheError } from '../errors.ts';
import { CACHE_RECORD_BYTES_MAX } from '../limits.ts';
import type { BuildCache, CacheKey } from './build-cache.ts';

const DIGEST_SIZE = 32;

export class DirectoryCache implements BuildCache {
  readonly description: string;
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
    this.description = printableName(Buffer.from(path));
  }

  /** Makes the directory if its parent exists. */
  static async open(path: string): Promise<DirectoryCache> {
    const cache = new DirectoryCache(path);
    try {
      if ((await pseudoFileSystemOf(path)) !== undefined) {
        throw new BuildCacheError(cache.description, 'cannot hold files');
      }
      await mkdir(path).catch((error: unknown) => {
        if (errorCode(error) !== 'EEXIST') throw error;
      });
      if (!(await stat(path)).isDirectory()) {
        throw new BuildCacheError(cache.description, 'is not a directory');
      }
      if (await stat(join(path, 'oci-layout')).catch(() => undefined)) {
        throw new BuildCacheError(cache.description, 'is an image layout');
      }
      const probe = join(path, `.${randomUUID()}`);
      await (await open(probe, 'wx', 0o600)).close();
      await rm(probe);
    } catch (error) {
      if (error instanceof BuildCacheError) throw error;
      const detail = `cannot be used (${errorCode(error) ?? 'unknown'})`;
      throw new BuildCacheError(cache.description, detail, { cause: error });
    }
    return cache;
  }

  async read(key: CacheKey): Promise<Buffer | undefined> {
    try {
      const file = this.#file(key);
      if ((await stat(file)).size > CACHE_RECORD_BYTES_MAX) return undefined;
      const bytes = await readFile(file);
      const record = bytes.subarray(DIGEST_SIZE);
      const isWhole = digestOf(record).equals(bytes.subarray(0, DIGEST_SIZE));
      return isWhole ? record : undefined;
    } catch {
      return undefined;
    }
  }

  async write(key: CacheKey, record: Buffer): Promise<void> {
    const temporary = join(this.#path, `.${randomUUID()}`);
    try {
      await using file = await open(temporary, 'wx', 0o600);
      await file.writev([digestOf(record), record]);
      await file.datasync();
      await rename(temporary, this.#file(key));
    } catch (error) {
      await rm(temporary, { force: true });
      const detail = `cannot be written (${errorCode(error) ?? 'unknown'})`;
      throw new BuildCacheError(this.description, detail, { cause: error });
    }
  }

  async publish(): Promise<void> {}

  async close(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}

  #file(key: CacheKey): string {
    return join(this.#path, `${key}.layer`);
  }
}

function digestOf(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}
