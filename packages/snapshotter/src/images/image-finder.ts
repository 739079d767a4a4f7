/**
 * Which lazily mounted image stands for the one that is pulled. A pull asks once for each layer; the
 * registry is asked once for all of them, and no pull waits longer than the deadline for it: what takes
 * longer goes on behind it, for the layers that follow. Once the registry has said which image it is, a
 * pull waits longer: that image is mounted sooner than this one is fetched.
 *
 * A layer that is asked for again belongs to another pull. What was not found by the last one may be
 * there now, and a registry that hung may answer: it is looked for anew.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Semaphore } from '@shoal/concurrency';
import { orAbort } from '@shoal/concurrency';
import { isRetryable } from '@shoal/errors';
import type { Digest } from '@shoal/oci';
import { errorFields, type ServiceLog } from '../service-log.ts';
import { type ImageAddress, repositoryOf } from './image-labels.ts';
import type { ImageMark } from './lazy-mark.ts';
import {
  LOOKUP_MEMORY_MAX,
  LOOKUP_MOUNT_MS_MAX,
  LOOKUP_REMEMBERED_MS,
  LOOKUP_STUCK_MS,
  LOOKUP_TOTAL_MS_MAX,
} from './limits.ts';
import { LookupProgress } from './lookup-progress.ts';

export type FinderParts = {
  /** The converted image that stands for an ordinary one. */
  readonly counterpart: (image: ImageAddress, signal: AbortSignal) => Promise<Digest>;
  /** Mounts the image, unless it is mounted. */
  readonly ensure: (mark: ImageMark, signal: AbortSignal) => Promise<unknown>;
  readonly turns: Semaphore;
  readonly log: ServiceLog;
};

export type FinderOptions = {
  /** A pull waits so long for the registry to say which image it is. */
  readonly deadlineMs: number;
  /** And so much longer for that image to be mounted. @default LOOKUP_MOUNT_MS_MAX */
  readonly mountMs?: number | undefined;
};

export type FindRequest = {
  readonly image: ImageAddress;
  readonly imageRef: string;
  /** The image that is pulled is the converted one. */
  readonly isConverted: boolean;
  /** Chain id of the layer that asks; a pull asks once for each. */
  readonly layer: string;
};

type Found = { readonly kind: 'ready'; readonly mark: ImageMark };

export type Finding =
  | Found
  | {
      readonly kind: 'not-ready';
      readonly reason: string;
      /** Asking again will not help. */
      readonly isFinal: boolean;
      /** What the image itself holds, and so the next pull's answer, too. */
      readonly isOfImage?: boolean;
    };

type Flight = {
  /** Since when the last pull waits, on the clock of `performance.now`. */
  sinceMs: number;
  /** Ends it. */
  readonly ending: AbortController;
  /** Layers that have asked, of that pull. */
  readonly layers: Set<string>;
  readonly progress: LookupProgress;
  readonly finding: Promise<Finding>;
  /** Milliseconds of `performance.now`; infinite while it runs. */
  forgetAtMs: number;
  settled: Finding | undefined;
};

export class ImageFinder {
  readonly #deadlineMs: number;
  readonly #mountMs: number;
  readonly #parts: FinderParts;
  readonly #flights = new Map<string, Flight>();
  readonly #running = new Set<Promise<Finding>>();
  readonly #ending = new AbortController();

  constructor({ deadlineMs, mountMs = LOOKUP_MOUNT_MS_MAX }: FinderOptions, parts: FinderParts) {
    this.#deadlineMs = deadlineMs;
    this.#mountMs = mountMs;
    this.#parts = parts;
  }

  /** Rejects only when the caller's signal fires. */
  async find(request: FindRequest, signal: AbortSignal): Promise<Finding> {
    const flight = this.#flight(request);
    flight.layers.add(request.layer);
    const timer = new AbortController();
    const late = this.#late(flight, timer.signal);
    try {
      // A pull that has given up must not ask for the image once more.
      const found = await orAbort(Promise.race([flight.finding, late]), signal);
      if (found.kind === 'not-ready') return found;
      return await orAbort(Promise.race([this.#again(found, signal), late]), signal);
    } finally {
      timer.abort();
    }
  }

  /** Why what was just asked for cannot be; undefined when it can, or nobody knows. */
  finalFailure(request: Pick<FindRequest, 'image' | 'isConverted'>): string | undefined {
    const settled = this.#flights.get(keyOf(request))?.settled;
    return settled?.kind === 'not-ready' && settled.isFinal ? settled.reason : undefined;
  }

  /** Ends lookups that run. */
  async close(): Promise<void> {
    this.#ending.abort();
    await Promise.all(this.#running);
    this.#flights.clear();
  }

  /** What was found, mounted: it may have been unmounted since. */
  async #again(found: Found, signal: AbortSignal): Promise<Finding> {
    try {
      await this.#parts.ensure(found.mark, signal);
      return found;
    } catch (error) {
      return notReady(error);
    }
  }

  /** Resolves when a pull has waited enough. What is known already may have to be mounted again. */
  async #late({ progress, settled, sinceMs }: Flight, signal: AbortSignal): Promise<Finding> {
    const startedAtMs = settled === undefined ? sinceMs : performance.now();
    const waitedMs = performance.now() - startedAtMs;
    const wait = (ms: number) => sleep(Math.max(0, ms), undefined, { signal });
    try {
      await wait(this.#deadlineMs - waitedMs);
      if (progress.isMounting) {
        await wait(this.#mountMs - Math.max(0, waitedMs - this.#deadlineMs));
      }
      progress.wasLate = settled === undefined;
    } catch {
      // Nobody waits any longer.
    }
    return { kind: 'not-ready', reason: progress.reason(startedAtMs), isFinal: false };
  }

  #flight(request: FindRequest): Flight {
    const key = keyOf(request);
    const known = this.#flights.get(key);
    if (known !== undefined && isValid(known, request)) {
      if (known.layers.has(request.layer)) startPull(known);
      return known;
    }
    known?.ending.abort();
    const flight = this.#start(request);
    this.#flights.delete(key);
    this.#flights.set(key, flight);
    for (const oldest of this.#flights.keys()) {
      if (this.#flights.size <= LOOKUP_MEMORY_MAX) break;
      this.#flights.delete(oldest);
    }
    return flight;
  }

  #start(request: FindRequest): Flight {
    const progress = new LookupProgress();
    const ending = new AbortController();
    const finding = this.#fly(request, progress, ending.signal);
    const flight: Flight = {
      ...{ sinceMs: performance.now(), ending, layers: new Set(), progress, finding },
      ...{ forgetAtMs: Number.POSITIVE_INFINITY, settled: undefined },
    };
    this.#running.add(finding);
    void finding.then((found) => {
      this.#running.delete(finding);
      flight.settled = found;
      flight.forgetAtMs = performance.now() + LOOKUP_REMEMBERED_MS;
      this.#tell(request, flight, found);
    });
    return flight;
  }

  /** Where the time went, when a pull has not waited for it. */
  #tell({ imageRef }: FindRequest, { progress }: Flight, finding: Finding): void {
    const fields = { image: imageRef, finding: finding.kind, ...progress.milliseconds() };
    if (progress.wasLate) this.#parts.log.warn(fields, 'a look-up took longer than a pull waits');
    else this.#parts.log.debug(fields, 'an image was looked for');
  }

  async #fly(
    request: FindRequest,
    progress: LookupProgress,
    ending: AbortSignal,
  ): Promise<Finding> {
    const timeout = AbortSignal.timeout(LOOKUP_TOTAL_MS_MAX);
    const signal = AbortSignal.any([timeout, ending, this.#ending.signal]);
    try {
      const mark = await this.#parts.turns.run(() => this.#mount(request, progress, signal));
      progress.enter('done');
      return { kind: 'ready', mark };
    } catch (error) {
      progress.enter('done');
      return notReady(error);
    }
  }

  async #mount(
    { image, imageRef, isConverted }: FindRequest,
    progress: LookupProgress,
    signal: AbortSignal,
  ) {
    signal.throwIfAborted();
    const { counterpart, ensure } = this.#parts;
    if (!isConverted) progress.enter('asks');
    const manifestDigest = isConverted ? image.manifestDigest : await counterpart(image, signal);
    const repository = repositoryOf(image.reference);
    const mark: ImageMark = { kind: 'image', repository, manifestDigest, imageRef };
    progress.enter('mounts');
    await ensure(mark, signal);
    return mark;
  }
}

/** A pull that has asked for this layer before has ended, or was told no: this is the next one. */
function isValid(flight: Flight, { layer }: FindRequest): boolean {
  const { settled, layers, forgetAtMs, progress } = flight;
  if (forgetAtMs <= performance.now()) return false;
  if (!layers.has(layer)) return true;
  if (settled === undefined) return !progress.isAsking || progress.elapsedMs() < LOOKUP_STUCK_MS;
  return settled.kind === 'ready' || settled.isOfImage === true;
}

/** Another pull joins a look-up that runs, with a deadline of its own when the last one has passed. */
function startPull(flight: Flight): void {
  if (!flight.progress.wasLate) return;
  flight.sinceMs = performance.now();
  flight.layers.clear();
}

function keyOf({ image, isConverted }: Pick<FindRequest, 'image' | 'isConverted'>): string {
  const { reference, manifestDigest } = image;
  return `${isConverted ? 'is' : 'for'} ${reference.tag ?? ''} ${repositoryOf(reference)} ${manifestDigest}`;
}

function notReady(error: unknown): Finding {
  const isPassing = isRetryable(error) || (error instanceof Error && error.name === 'AbortError');
  const { code, reason } = errorFields(error);
  const isOfImage = code === 'ERR_SNAPSHOTTER_IMAGE_UNUSABLE';
  return { kind: 'not-ready', reason, isFinal: !isPassing, isOfImage };
}
