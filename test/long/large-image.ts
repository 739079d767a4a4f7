/** A made-up image of many files, written straight to disk: nothing of it is held in memory. */
import { createHash } from 'node:crypto';
import { createWriteStream, mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { noise, writeLayoutDocuments, writeTarEntry } from '@shoal/test-kit';

export type LargeImageOptions = {
  readonly directory: string;
  readonly files: number;
  /** Content of all files together. */
  readonly bytes: number;
};

const FILES_OF_A_DIRECTORY = 200;
const POOL_BYTES = 8 << 20;
/** The pool is random bytes as hex: it compresses to about half, as programs do. */
const POOL_RANDOM_BYTES = POOL_BYTES / 2;
const HEADER_BYTES = 512;

/** Writes an OCI layout with one uncompressed layer, tag `latest`. */
export async function writeLargeImage(options: LargeImageOptions): Promise<string> {
  const layout = join(options.directory, 'large');
  const blobs = join(layout, 'blobs', 'sha256');
  mkdirSync(blobs, { recursive: true });
  const draft = join(blobs, 'draft');
  const file = createWriteStream(draft, { highWaterMark: 4 << 20 });
  const hash = createHash('sha256');
  let size = 0;
  for (const bytes of archiveOf(options)) {
    hash.update(bytes);
    size += bytes.length;
    if (!file.write(bytes)) await new Promise<void>((resolve) => file.once('drain', resolve));
  }
  file.end();
  await finished(file);
  const hex = hash.digest('hex');
  renameSync(draft, join(blobs, hex));
  const digest = `sha256:${hex}`;
  const mediaType = 'application/vnd.oci.image.layer.v1.tar';
  return writeLayoutDocuments({
    directory: layout,
    layers: [{ mediaType, digest, size, diffId: digest }],
  });
}

function* archiveOf({ files, bytes }: LargeImageOptions): Generator<Buffer, void> {
  const pool = Buffer.from(noise(POOL_RANDOM_BYTES, 'large-image').toString('hex'), 'latin1');
  const mean = Math.floor(bytes / files);
  for (let number = 0; number < files; number++) {
    const directory = `d${Math.floor(number / FILES_OF_A_DIRECTORY)}`;
    if (number % FILES_OF_A_DIRECTORY === 0) {
      yield writeTarEntry({ name: `${directory}/`, type: 'directory' });
    }
    // One file in a hundred is large, the rest small, as in real images.
    const size = Math.floor(number % 100 === 0 ? mean * 50 : mean / 2);
    const start = (number * 7919) % Math.max(1, pool.length - size);
    const content = Buffer.concat([Buffer.from(`${number}\n`), pool.subarray(start, start + size)]);
    yield writeTarEntry({ name: `${directory}/file-${number}`, content });
  }
  yield Buffer.alloc(2 * HEADER_BYTES);
}
