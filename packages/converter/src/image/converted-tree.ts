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

/** The chunks of one file in another cut: one number, or several. */
type ChunkNumbers = number | Uint32Array;

/** Digests of another cut than the image's own. */
export class RehashedTreeView extends BootstrapTreeView implements HashedTree<number> {
  readonly #digests: Buffer;
  readonly #numbers: ReadonlyMap<number, ChunkNumbers>;

  /** `digests`: of every chunk by its number; `numbers`: of each file's chunks by its nid. */
  constructor(image: ConvertedImage, digests: Buffer, numbers: ReadonlyMap<number, ChunkNumbers>) {
    super(image.bootstrap);
    this.#digests = digests;
    this.#numbers = numbers;
  }

  digests(nid: number): Buffer {
    const numbers = this.#numbers.get(nid);
    if (numbers === undefined) return Buffer.alloc(0);
    if (typeof numbers === 'number') return this.#digest(numbers);
    return Buffer.concat(Array.from(numbers, (number) => this.#digest(number)));
  }

  #digest(number: number): Buffer {
    return this.#digests.subarray(number * DIGEST_SIZE, (number + 1) * DIGEST_SIZE);
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
  const numbers = new Map<number, ChunkNumbers>();
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
    const chunks = cutter.closeFile();
    numbers.set(nid, chunks.length === 1 ? (chunks[0] ?? 0) : Uint32Array.from(chunks));
  }
  cutter.flush();
  await pipeline.drain();
  return new RehashedTreeView(image, Buffer.concat(all), numbers);
}

function* chunksInOrder(image: ConvertedImage, blobs: readonly BlobDescription[]) {
  for (const nid of regularNids(image)) {
    yield* chunksOfFile(image.bootstrap, image.bootstrap.inode(nid), blobs);
  }
}
