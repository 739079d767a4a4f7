/**
 * The lazy part of the snapshotter: which layers containerd need not fetch, and what stands for
 * them. All it must know after a restart is in the snapshots' marks and in the records of mounts.
 */
import { isRetryable } from '@shoal/errors';
import type { Digest } from '@shoal/oci';
import { errorFields, type ServiceLog } from '../service-log.ts';
import type {
  CommittedSnapshot,
  Labels,
  LayerDecision,
  LayerRequest,
  LazyLayers,
  LazyMark,
  SnapshotChain,
  UnpackedLayer,
} from '../snapshots/lazy-layers.ts';
import type { BootstrapCommits } from './bootstrap-commits.ts';
import { hasChainId } from './chain-proof.ts';
import type { ContentStore } from './content-store.ts';
import { LazyImageError, LazyImageUnreachableError } from './errors.ts';
import type { Finding, ImageFinder } from './image-finder.ts';
import { type FindConverted, ImageLabel, isSearched, parseLayerLabels } from './image-labels.ts';
import type { ImageMounts } from './image-mounts.ts';
import { askLayerDigest } from './layer-digest.ts';
import { type LayerKind, layerKindOf, Reason } from './layer-kind.ts';
import type { LayerRestorer } from './layer-restorer.ts';
import { decodeMark, encodeMark, type ImageMark, type MarkContent } from './lazy-mark.ts';
import { LazyReport, type LazyStatus } from './lazy-report.ts';
import {
  COMMIT_DEADLINE_MS,
  LAZY_REASON_LENGTH_MAX,
  LOOKUP_TOTAL_MS_MAX,
  LOWER_DEADLINE_MS,
} from './limits.ts';

export type LazyImageParts = {
  readonly finder: ImageFinder;
  readonly mounts: ImageMounts;
  readonly commits: BootstrapCommits;
  readonly restorer: LayerRestorer;
  /** Where clients send no labels; absent: containerd's address is not configured. */
  readonly content?: ContentStore | undefined;
  /** Digest of the uncompressed bootstrap layer, as it was fetched; undefined: not known. */
  readonly diffIdOf: (bootstrapLayer: Digest) => Promise<Digest | undefined>;
  readonly log: ServiceLog;
};

export type LazyImageOptions = {
  readonly findConverted: FindConverted;
};

export class LazyImages implements LazyLayers, AsyncDisposable {
  readonly #options: LazyImageOptions;
  readonly #parts: LazyImageParts;
  readonly #report = new LazyReport();

  constructor(options: LazyImageOptions, parts: LazyImageParts) {
    this.#options = options;
    this.#parts = parts;
  }

  async decide(request: LayerRequest): Promise<LayerDecision> {
    const { key, labels } = request;
    const decision = await this.#decide(layerKindOf(labels), request);
    if (decision.kind === 'unpack' && decision.mark !== undefined) {
      const content = decodeMark(decision.mark);
      this.#parts.log.info({ key, ...content }, 'a layer is unpacked as any other');
    }
    return decision;
  }

  async #decide(kind: LayerKind, request: LayerRequest): Promise<LayerDecision> {
    switch (kind.kind) {
      case 'data':
        return this.#decideData(kind, request);
      case 'ordinary':
        return unpack(kind.imageRef, kind.reason);
      case 'bootstrap':
        return this.#decideBootstrap(kind, request);
      case 'original':
        return this.#decideOriginal(kind, request);
    }
  }

  async #decideData(
    { imageRef, layerDigest }: Extract<LayerKind, { kind: 'data' }>,
    request: LayerRequest,
  ): Promise<LayerDecision> {
    const diffId = layerDigest ?? (await askLayerDigest(this.#parts.content, request, imageRef));
    return hasChainId(request, diffId)
      ? skip({ kind: 'data' })
      : unpack(imageRef, Reason.otherChain);
  }

  async #decideBootstrap(
    { image, imageRef, layerDigest }: Extract<LayerKind, { kind: 'bootstrap' }>,
    request: LayerRequest,
  ): Promise<LayerDecision> {
    if (image === undefined || imageRef === undefined) return { kind: 'unpack' };
    const wanted = { image, imageRef, isConverted: true, layer: layerOf(request.labels) };
    const found = await this.#parts.finder.find(wanted, request.signal);
    if (found.kind !== 'ready') return unpack(imageRef, found.reason);
    // What is mounted must be this layer, and this layer what the chain id says.
    const { mounts, diffIdOf } = this.#parts;
    const mounted = mounts.bootstrapOf(found.mark);
    const diffId =
      mounted === undefined || mounted !== layerDigest ? undefined : await diffIdOf(mounted);
    if (hasChainId(request, diffId)) return skip(found.mark);
    return unpack(imageRef, diffId === undefined ? Reason.notCompared : Reason.otherChain);
  }

  async #decideOriginal(
    { image, imageRef, layerDigest, isTopmost }: Extract<LayerKind, { kind: 'original' }>,
    { parents, labels, signal }: LayerRequest,
  ): Promise<LayerDecision> {
    if (!isSearched(this.#options.findConverted, image)) return unpack(imageRef, Reason.turnedOff);
    // Layers of the image that were not fetched bind the ones above them, whatever the registry says.
    const begun = begunImage(parents[0], image.manifestDigest, imageRef);
    const request = { image, imageRef, isConverted: false, layer: layerOf(labels) };
    const found: Finding =
      begun === undefined
        ? await this.#parts.finder.find(request, signal)
        : { kind: 'ready', mark: begun };
    if (found.kind !== 'ready') return unpack(imageRef, found.reason);
    if (isTopmost) return skip(found.mark);
    const { repository, manifestDigest: convertedDigest } = found.mark;
    const { manifestDigest } = image;
    return skip({ kind: 'absent', repository, manifestDigest, layerDigest, convertedDigest });
  }

  /** Short, and without the network: containerd holds its database meanwhile. */
  async committing(layer: UnpackedLayer): Promise<LazyMark | undefined> {
    const { image, imageRef, nydus } = parseLayerLabels(layer.labels);
    if (nydus !== 'bootstrap') return layer.mark;
    const { commits, finder, mounts, log } = this.#parts;
    const deadline = AbortSignal.timeout(COMMIT_DEADLINE_MS);
    const mark = await commits.identify(layer, AbortSignal.any([layer.signal, deadline]));
    if (image !== undefined && imageRef !== undefined) {
      const failure = finder.finalFailure({ image, isConverted: true });
      if (failure !== undefined) throw new LazyImageError(imageRef, failure);
    }
    mounts.ensure(mark, AbortSignal.timeout(LOOKUP_TOTAL_MS_MAX)).catch((error: unknown) => {
      log.warn({ image: mark.imageRef, ...errorFields(error) }, 'an image is not mounted yet');
    });
    return encodeMark(mark);
  }

  committed(snapshot: CommittedSnapshot): void {
    const mark = markOf(snapshot);
    if (mark?.kind === 'image') this.#parts.mounts.use(mark, snapshot.id);
    if (mark !== undefined) this.#report.add(snapshot.id, mark);
  }

  async lower(chain: SnapshotChain): Promise<{ path: string; above: number } | undefined> {
    const absent: CommittedSnapshot[] = [];
    for (const [above, snapshot] of chain.entries()) {
      const mark = markOf(snapshot);
      if (mark?.kind === 'absent') absent.push(snapshot);
      if (mark?.kind !== 'image') continue;
      const path = await this.#ensure(mark, AbortSignal.timeout(LOWER_DEADLINE_MS));
      await this.#parts.restorer.restore(absent);
      return { path, above };
    }
    await this.#parts.restorer.restore(absent);
    return undefined;
  }

  async usage(snapshot: CommittedSnapshot): Promise<{ size: number; inodes: number } | undefined> {
    const mark = markOf(snapshot);
    if (mark?.kind === 'absent') return this.#parts.restorer.usageOf(snapshot);
    return mark?.kind === 'image' ? this.#parts.mounts.usageOf(mark) : undefined;
  }

  async removed(snapshot: CommittedSnapshot): Promise<void> {
    this.#report.remove(snapshot.id);
    const mark = markOf(snapshot);
    if (mark?.kind === 'image') await this.#parts.mounts.release(mark, snapshot.id);
  }

  async restored(snapshots: readonly CommittedSnapshot[]): Promise<void> {
    for (const snapshot of snapshots) {
      try {
        this.committed(snapshot);
      } catch (error) {
        const { name } = snapshot;
        this.#parts.log.error({ snapshot: name, ...errorFields(error) }, 'a mark was not read');
      }
    }
    await this.#parts.mounts.removeUnused();
  }

  status(): LazyStatus {
    return this.#report.status((mark) => this.#parts.mounts.pathOf(mark));
  }

  /** Mounts stay. Idempotent. */
  async close(): Promise<void> {
    await this.#parts.finder.close();
    await this.#parts.restorer.close();
    await this.#parts.mounts.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #ensure(mark: ImageMark, signal: AbortSignal): Promise<string> {
    try {
      return await this.#parts.mounts.ensure(mark, signal);
    } catch (error) {
      const { reason } = errorFields(error);
      const { imageRef } = mark;
      const isPassing = signal.aborted || isRetryable(error);
      if (isPassing) throw new LazyImageUnreachableError(imageRef, reason, { cause: error });
      throw new LazyImageError(imageRef, reason, { cause: error });
    }
  }
}

/** The converted image for which a layer below was left out, of the same pull. */
function begunImage(
  parent: CommittedSnapshot | undefined,
  manifestDigest: Digest,
  imageRef: string,
): ImageMark | undefined {
  const mark = parent === undefined ? undefined : markOf(parent);
  if (mark?.kind !== 'absent' || mark.manifestDigest !== manifestDigest) return undefined;
  const { repository, convertedDigest } = mark;
  return { kind: 'image', repository, manifestDigest: convertedDigest, imageRef };
}

function layerOf(labels: Labels): string {
  return labels[ImageLabel.target] ?? '';
}

function skip(content: MarkContent): LayerDecision {
  return { kind: 'skip', mark: encodeMark(content) };
}

function unpack(imageRef: string | undefined, reason: string): LayerDecision {
  const content: MarkContent = {
    kind: 'ordinary',
    reason: reason.slice(0, LAZY_REASON_LENGTH_MAX),
    ...(imageRef === undefined ? {} : { imageRef: imageRef.slice(0, LAZY_REASON_LENGTH_MAX) }),
  };
  return { kind: 'unpack', mark: encodeMark(content) };
}

/** @throws LazyMarkError */
function markOf({ mark }: CommittedSnapshot): MarkContent | undefined {
  return mark === undefined ? undefined : decodeMark(mark);
}
