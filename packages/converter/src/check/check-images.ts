/**
 * Compares two images completely: documents, every attribute of every object, every byte. Each may
 * be an ordinary image or a converted one.
 */
import type { ImageReference, Platform } from '@shoal/oci';
import { digestHex, formatPlatform, formatReference } from '@shoal/oci';
import type { ClientOptions } from '@shoal/registry-client';
import { listPlatforms, openSource } from '@shoal/registry-client/stores';
import { CodecThreads } from '../chunk/codec-threads.ts';
import { Warnings } from '../convert/session.ts';
import { verifyContent } from '../image/content-verification.ts';
import type { ConvertedImage } from '../image/converted-image.ts';
import { chunkingOf, DigestTreeView, rehashImage } from '../image/converted-tree.ts';
import type { OpenedImage } from '../image/open-image.ts';
import { openImage } from '../image/open-image.ts';
import type { OrdinaryImage } from '../image/opened-image.ts';
import type { Chunking } from '../image/ordinary-tree.ts';
import { loadOrdinaryTree } from '../image/ordinary-tree.ts';
import type { HashedTree } from '../image/tree-view.ts';
import type { CheckedSide, CheckReport } from './check-report.ts';
import { compareDocuments } from './compare-documents.ts';
import type { TreeCounts } from './compare-trees.ts';
import { compareTrees } from './compare-trees.ts';
import { DifferenceList } from './difference-list.ts';

export type CheckOptions = {
  readonly source: ImageReference;
  readonly target: ImageReference;
  readonly client?: ClientOptions | undefined;
  readonly platform?: Platform | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Told how many stored bytes were read since the last call. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
};

const DEFAULT_CHUNKING: Chunking = { chunkSize: 1 << 20, digester: 'sha256' };

/** Compares; differences are in the report. Throws when an image cannot be read at all. */
export async function checkImages(options: CheckOptions): Promise<CheckReport> {
  const { client, platform, signal } = options;
  const common = { client, platform, signal };
  await using source = await openImage(options.source, { ...common, prefer: 'ordinary' });
  await using target = await openImage(options.target, { ...common, prefer: 'converted' });
  return await new Comparison(source, target, options).run();
}

/**
 * Compares every platform the source comes for; a single manifest is one. Throws
 * `ERR_REGISTRY_CLIENT_PLATFORM_MISSING` when the target lacks one.
 */
export async function checkAllPlatforms(options: CheckOptions): Promise<CheckReport[]> {
  const signal = options.signal ?? new AbortController().signal;
  await using store = await openSource(options.source, options.client ?? {});
  const platforms = await listPlatforms(store, signal);
  if (platforms.length === 0) return [await checkImages(options)];
  const reports: CheckReport[] = [];
  for (const platform of platforms) reports.push(await checkImages({ ...options, platform }));
  return reports;
}

class Comparison {
  readonly #source: OpenedImage;
  readonly #target: OpenedImage;
  readonly #options: CheckOptions;
  readonly #signal: AbortSignal;
  readonly #differences = new DifferenceList();
  readonly #warnings = new Warnings(() => {});
  #blobsVerified = 0;
  #chunksVerified = 0;

  constructor(source: OpenedImage, target: OpenedImage, options: CheckOptions) {
    this.#source = source;
    this.#target = target;
    this.#options = options;
    this.#signal = options.signal ?? new AbortController().signal;
  }

  async run(): Promise<CheckReport> {
    const started = performance.now();
    const allowedChanges = compareDocuments(this.#source, this.#target, this.#differences);
    const chunking = commonChunking(this.#source, this.#target);
    const { source, target } = await this.#trees(chunking);
    const counts: TreeCounts = compareTrees({
      source,
      target,
      chunkSize: chunking.chunkSize,
      differences: this.#differences,
    });
    return {
      source: sideOf(this.#source, this.#options.source),
      target: sideOf(this.#target, this.#options.target),
      isEqual: this.#differences.count === 0,
      differences: this.#differences.listed,
      differenceCount: this.#differences.count,
      allowedChanges,
      ...counts,
      blobsVerified: this.#blobsVerified,
      chunksVerified: this.#chunksVerified,
      warnings: this.#warnings.list(),
      durationMs: Math.round(performance.now() - started),
    };
  }

  /** A converted side goes first: what verifying it takes is free again before a tree is built. */
  async #trees(chunking: Chunking) {
    if (this.#target.kind === 'converted') {
      const target = await this.#convertedTree(this.#target, chunking);
      return { source: await this.#treeOf(this.#source, chunking), target };
    }
    const source = await this.#treeOf(this.#source, chunking);
    return { source, target: await this.#ordinaryTree(this.#target, chunking) };
  }

  async #treeOf(image: OpenedImage, chunking: Chunking): Promise<HashedTree<unknown>> {
    if (image.kind === 'ordinary') return await this.#ordinaryTree(image, chunking);
    return await this.#convertedTree(image, chunking);
  }

  async #ordinaryTree({ facts }: OrdinaryImage, chunking: Chunking): Promise<HashedTree<unknown>> {
    await using threads = new CodecThreads();
    const { manifest, store } = facts;
    return await loadOrdinaryTree({
      layers: manifest.layers,
      store,
      chunking,
      threads,
      signal: this.#signal,
      onWarning: (message) => this.#warnings.add(message),
      onBytes: this.#options.onBytes,
    });
  }

  async #convertedTree(image: ConvertedImage, chunking: Chunking): Promise<HashedTree<unknown>> {
    const verified = await verifyContent(image, this.#signal, this.#options.onBytes);
    await image.closePool();
    this.#blobsVerified += verified.blobs;
    this.#chunksVerified += verified.chunks;
    const blobs = await image.blobs(this.#signal);
    this.#checkLayers(image);
    for (const { blobId, chunk, detail } of verified.problems) {
      const side = image === this.#source ? 'source' : 'target';
      this.#differences.add({
        scope: 'content',
        path: `blob ${blobId}`,
        attribute: chunk === undefined ? 'stored bytes' : `chunk ${chunk}`,
        [side]: detail,
      });
    }
    if (isSameChunking(chunkingOf(image), chunking)) return new DigestTreeView(image, blobs);
    const tree = await rehashImage(image, chunking, this.#signal);
    await image.closePool();
    return tree;
  }

  /** A blob that is no layer can be read today, but is copied and kept by nobody. */
  #checkLayers(image: ConvertedImage): void {
    const side = image === this.#source ? 'source' : 'target';
    const layers = new Set(image.facts.manifest.layers.map(({ digest }) => digestHex(digest)));
    for (const { blobId } of image.bootstrap.blobs) {
      if (layers.has(blobId)) continue;
      this.#differences.add({
        scope: 'content',
        path: `blob ${blobId}`,
        attribute: 'layer',
        [side]: 'is no layer of the manifest',
      });
    }
  }
}

/** The cut of a converted side: only the other one then has to be hashed anew. */
function commonChunking(source: OpenedImage, target: OpenedImage): Chunking {
  if (target.kind === 'converted') return chunkingOf(target);
  if (source.kind === 'converted') return chunkingOf(source);
  return DEFAULT_CHUNKING;
}

function isSameChunking(a: Chunking, b: Chunking): boolean {
  return a.chunkSize === b.chunkSize && a.digester === b.digester;
}

function sideOf(image: OpenedImage, reference: ImageReference): CheckedSide {
  const { os, architecture, variant } = image.facts.config;
  const isKnown = os !== undefined && architecture !== undefined;
  return {
    reference: formatReference(reference),
    kind: image.kind,
    manifest: image.facts.descriptor.digest,
    platform: isKnown ? formatPlatform({ os, architecture, variant }) : undefined,
  };
}
