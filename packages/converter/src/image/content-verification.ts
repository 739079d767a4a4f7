/**
 * Verifies what a converted image stores: every data blob of the manifest is read once, from its
 * first to its last byte, and has to have the digest and the size that the manifest names; every
 * chunk that some file refers to has to have the digest that the bootstrap names.
 */
import type { BlobDescription } from '@shoal/blob-store';
import { registryBlobSource } from '@shoal/blob-store';
import { errorCode } from '@shoal/errors';
import type { Descriptor } from '@shoal/oci';
import { bootstrapLayerOf, digestHex } from '@shoal/oci';
import { BLOCK_SIZE } from '@shoal/rafs';
import { EntryKind } from '../layer/layer-entry.ts';
import { READ_GAP_BYTES_MAX } from '../limits.ts';
import { BlobStream } from './blob-stream.ts';
import type { ConvertedImage } from './converted-image.ts';
import type { ReadWindow } from './read-window.ts';
import { WindowBuilder } from './read-window.ts';
import type { WindowResult } from './window-reader.ts';
import { readWindows } from './window-reader.ts';

export type ContentProblem = {
  readonly blobId: string;
  /** Number of the chunk that is damaged; undefined when the blob as a whole is. */
  readonly chunk: number | undefined;
  readonly detail: string;
};

export type VerifiedContent = {
  /** Blobs whose every byte was read. */
  readonly blobs: number;
  readonly chunks: number;
  readonly problems: readonly ContentProblem[];
};

/** Codes of a blob that is not the one its descriptor names. */
const DAMAGE_CODES = new Set(['ERR_REGISTRY_CLIENT_DIGEST', 'ERR_REGISTRY_CLIENT_SIZE']);

/** Verifies everything. Damage is a problem; a store that fails is an error. */
export async function verifyContent(
  image: ConvertedImage,
  signal: AbortSignal,
  onBytes: (bytes: number) => void = () => {},
): Promise<VerifiedContent> {
  return await new ContentVerification(image, signal, onBytes).run();
}

class ContentVerification {
  readonly #image: ConvertedImage;
  readonly #signal: AbortSignal;
  readonly #onBytes: (bytes: number) => void;
  readonly #problems: ContentProblem[] = [];
  #chunks = 0;

  constructor(image: ConvertedImage, signal: AbortSignal, onBytes: (bytes: number) => void) {
    this.#image = image;
    this.#signal = signal;
    this.#onBytes = onBytes;
  }

  async run(): Promise<VerifiedContent> {
    const blobs = await this.#image.blobs(this.#signal);
    const used = this.#usedChunks(blobs);
    const layers = dataLayers(this.#image);
    for (const [blobId, descriptor] of layers) {
      const blobIndex = blobs.findIndex((blob) => blob.blobId === blobId);
      await this.#verifyLayer(descriptor, windowsOf(blobs, blobIndex, used[blobIndex]));
    }
    // What is no layer has no descriptor to be compared with; its chunks can be read all the same.
    for (const [blobIndex, { blobId }] of blobs.entries()) {
      if (layers.has(blobId)) continue;
      const windows = windowsOf(blobs, blobIndex, used[blobIndex]);
      for await (const result of this.#image.readWindows(windows, this.#signal)) {
        this.#onBytes(result.window.length);
        this.#count(result, blobId);
      }
    }
    return { blobs: layers.size, chunks: this.#chunks, problems: this.#problems };
  }

  /** Reads one blob to its end. */
  async #verifyLayer(descriptor: Descriptor, windows: Iterable<ReadWindow>): Promise<void> {
    const { store } = this.#image.facts;
    const signal = this.#signal;
    const blobId = digestHex(descriptor.digest);
    const fallback = registryBlobSource(store, { closesStore: false });
    const common = { store, descriptor, fallback, signal };
    await using stream = new BlobStream({ ...common, onBytes: this.#onBytes });
    const components = { source: stream, pool: this.#image.pool };
    const blobs = await this.#image.blobs(signal);
    try {
      for await (const result of readWindows(windows, blobs, components, signal)) {
        this.#count(result, blobId);
      }
      await stream.drain();
    } catch (error) {
      if (!(error instanceof Error) || !DAMAGE_CODES.has(errorCode(error) ?? '')) throw error;
      this.#problems.push({ blobId, chunk: undefined, detail: error.message });
    }
  }

  #count({ window, failures }: WindowResult, blobId: string): void {
    this.#chunks += window.chunks.length;
    for (const { chunk, reason } of failures) {
      const detail = reason === 'digest' ? 'its digest is another' : 'it does not decompress';
      this.#problems.push({ blobId, chunk, detail });
    }
  }

  /**
   * One flag per chunk of each blob: some file uses it. Addresses are compared on the way: the
   * kernel goes by block address, nydusd by chunk number, and both have to lead to the same bytes.
   */
  #usedChunks(blobs: readonly BlobDescription[]): Uint8Array[] {
    const { bootstrap } = this.#image;
    const used = blobs.map(({ chunks }) => new Uint8Array(chunks.count));
    for (const nid of regularNids(this.#image)) {
      for (const entry of bootstrap.chunkEntries(bootstrap.inode(nid))) {
        const { blobIndex, chunkIndex: chunk, blockAddress } = entry;
        const flags = used[blobIndex];
        const blobId = blobs[blobIndex]?.blobId ?? String(blobIndex);
        const address = blobs[blobIndex]?.chunks.offset[chunk];
        if (flags === undefined || address === undefined) {
          this.#problems.push({ blobId, chunk, detail: 'the blob has no such chunk' });
          continue;
        }
        if (flags[chunk] === 0 && address !== blockAddress * BLOCK_SIZE) {
          const detail = `block address ${blockAddress} does not fit its place ${address}`;
          this.#problems.push({ blobId, chunk, detail });
        }
        flags[chunk] = 1;
      }
    }
    return used;
  }
}

/** The layers that are data blobs, each once; those of dictionaries that no file uses too. */
function dataLayers({ facts }: ConvertedImage): ReadonlyMap<string, Descriptor> {
  const bootstrap = bootstrapLayerOf(facts.manifest);
  const layers = facts.manifest.layers.filter(({ digest }) => digest !== bootstrap?.digest);
  return new Map(layers.map((layer) => [digestHex(layer.digest), layer]));
}

/** Every regular file once, however many names it has. */
export function* regularNids({ tree, bootstrap }: ConvertedImage): Generator<number, void> {
  const seen = new Set<number>();
  const todo = [tree.root];
  for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
    for (const { nid } of bootstrap.directory(bootstrap.inode(next))) {
      const { kind, nlink } = bootstrap.inode(nid);
      if (kind === EntryKind.directory) todo.push(nid);
      if (kind !== EntryKind.regular || seen.has(nid)) continue;
      if (nlink > 1) seen.add(nid);
      yield nid;
    }
  }
}

/** The flagged chunks of one blob in the order it stores them, in ranges. */
function* windowsOf(
  blobs: readonly BlobDescription[],
  blobIndex: number,
  flags: Uint8Array | undefined,
): Generator<ReadWindow, void> {
  const blob = blobs[blobIndex];
  if (blob === undefined || flags === undefined) return;
  let builder: WindowBuilder | undefined;
  for (const chunk of storedOrder(blob, flags)) {
    if (builder?.add(chunk) === true) continue;
    if (builder !== undefined) yield builder.build();
    builder = new WindowBuilder(blobIndex, blob, READ_GAP_BYTES_MAX);
    builder.add(chunk);
  }
  if (builder !== undefined) yield builder.build();
}

/** Numbers of the flagged chunks by their place in the stored blob. */
function storedOrder({ chunks }: BlobDescription, flags: Uint8Array): Uint32Array {
  let count = 0;
  for (const flag of flags) count += flag;
  const order = new Uint32Array(count);
  let at = 0;
  for (const [chunk, flag] of flags.entries()) if (flag === 1) order[at++] = chunk;
  const offsetOf = (chunk: number) => chunks.storedOffset[chunk] ?? 0;
  return order.sort((a, b) => offsetOf(a) - offsetOf(b) || a - b);
}
