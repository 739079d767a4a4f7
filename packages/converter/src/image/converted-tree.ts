/**
 * A converted image as a tree whose content can be compared: by the digests it has, when they are
 * cut and hashed the way the other side is, or by reading and hashing everything again.
 */
import type { BlobDescription } from '@shoal/blob-store';
import { BatchPipeline } from '../chunk/batch-pipeline.ts';
import { ChunkCutter } from '../chunk/chunk-cutter.ts';
import { DIGEST_SIZE } from '../chunk/chunk-index.ts';
import { BootstrapTreeView } from './bootstrap-tree-view.ts';
import { regularNids } from './content-verification.ts';
import type { ConvertedImage } from './converted-image.ts';
import { chunksOfFile } from './file-content.ts';
import type { Chunking } from './ordinary-tree.ts';
import { chunkDigest } from './read-window.ts';
import type { HashedTree } from './tree-view.ts';

/** How the image's own content is cut and hashed. */
export function chunkingOf({ bootstrap }: ConvertedImage): Chunking {
  return { chunkSize: bootstrap.chunkSize, digester: bootstrap.digester };
}

/** The image's own digests; what they stand for must have been verified. */
export class DigestTreeView extends BootstrapTreeView implements HashedTree<number> {
  readonly #blobs: readonly BlobDescription[];

  constructor(image: ConvertedImage, blobs: readonly BlobDescription[]) {
    super(image.bootstrap);
    this.#blobs = blobs;
  }

  digests(nid: number): Buffer {
    const entries = this.bootstrap.chunkEntries(this.bootstrap.inode(nid));
    const digests = Buffer.alloc(entries.length * DIGEST_SIZE);
    for (const [index, { blobIndex, chunkIndex }] of entries.entries()) {
      const blob = this.#blobs[blobIndex];
      if (blob !== undefined)
        digests.set(chunkDigest(blob.chunks, chunkIndex), index * DIGEST_SIZE);
    }
    return digests;
  }
}

/** Digests of another cut than the image's own. */
export class RehashedTreeView extends BootstrapTreeView implements HashedTree<number> {
  readonly #digests: ReadonlyMap<number, Buffer>;

  constructor(image: ConvertedImage, digests: ReadonlyMap<number, Buffer>) {
    super(image.bootstrap);
    this.#digests = digests;
  }

  digests(nid: number): Buffer {
    return this.#digests.get(nid) ?? Buffer.alloc(0);
  }
}

/** Reads every file and hashes it anew. Throws at the first chunk that does not verify. */
export async function rehashImage(
  image: ConvertedImage,
  chunking: Chunking,
  signal: AbortSignal,
): Promise<RehashedTreeView> {
  const codec = { compressor: 'none', digester: chunking.digester } as const;
  const all: Buffer[] = [];
  const pipeline = new BatchPipeline(
    image.pool,
    codec,
    async ({ digests, stored }) => {
      all.push(Buffer.from(digests));
      return stored;
    },
    signal,
  );
  const cutter = new ChunkCutter(pipeline, chunking.chunkSize, image.facts.store.description);
  const numbers = new Map<number, readonly number[]>();
  const blobs = await image.blobs(signal);
  const content = image.readChunks(chunksInOrder(image, blobs), signal);
  for (const nid of regularNids(image)) {
    const inode = image.bootstrap.inode(nid);
    cutter.openFile(inode.size);
    for (let left = inode.size; left > 0; ) {
      const { value: bytes } = await content.next();
      if (bytes === undefined) throw new RangeError('fewer chunks than the files have');
      cutter.write(bytes);
      left -= bytes.length;
      await pipeline.whenReady();
    }
    numbers.set(nid, cutter.closeFile());
  }
  cutter.flush();
  await pipeline.drain();
  return new RehashedTreeView(image, gather(Buffer.concat(all), numbers));
}

function* chunksInOrder(image: ConvertedImage, blobs: readonly BlobDescription[]) {
  for (const nid of regularNids(image)) {
    yield* chunksOfFile(image.bootstrap, image.bootstrap.inode(nid), blobs);
  }
}

function gather(
  digests: Buffer,
  numbers: ReadonlyMap<number, readonly number[]>,
): Map<number, Buffer> {
  const gathered = new Map<number, Buffer>();
  for (const [nid, chunks] of numbers) {
    const parts = chunks.map((chunk) =>
      digests.subarray(chunk * DIGEST_SIZE, (chunk + 1) * DIGEST_SIZE),
    );
    gathered.set(nid, parts.length === 1 ? (parts[0] ?? Buffer.alloc(0)) : Buffer.concat(parts));
  }
  return gathered;
}
