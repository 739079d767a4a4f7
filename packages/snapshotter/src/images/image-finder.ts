/**
 * Which lazily mounted image stands for the one that is pulled. A pull asks once for each layer; the
 * registry is asked once for all of them, and no pull waits longer than the deadline: what takes
 * longer goes on behind it, for the layers that follow.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { isRetryable } from '@shoal/errors';
import type { Digest } from '@shoal/oci';
import { orAbort } from '@shoal/registry-client';
import { errorFields } from '../service-log.ts';
import { type ImageAddress, repositoryOf } from './image-labels.ts';
import type { ImageMark } from './lazy-mark.ts';
import { LOOKUP_MEMORY_MAX, LOOKUP_REMEMBERED_MS, LOOKUP_TOTAL_MS_MAX } from './limits.ts';
import type { Semaphore } from './semaphore.ts';

export type FinderParts = {
  /** The converted image that stands for an ordinary one. */
  readonly counterpart: (image: ImageAddress, signal: AbortSignal) => Promise<Digest>;
  /** Mounts the image, unless it is mounted. */
  readonly ensure: (mark: ImageMark, signal: AbortSignal) => Promise<unknown>;
  readonly turns: Semaphore;
};

export type FindRequest = {
  readonly image: ImageAddress;
  readonly imageRef: string;
  /** The image that is pulled is the converted one. */
  readonly isConverted: boolean;
};

type Found = { readonly kind: 'ready'; readonly mark: ImageMark };

export type Finding =
  | Found
  | {
      readonly kind: 'not-ready';
      readonly reason: string;
      /** Asking again will not help. */
      readonly isFinal: boolean;
    };

type Flight = {
  readonly finding: Promise<Finding>;
  readonly startedAtMs: number;
  /** Milliseconds of `performance.now`; infinite while it runs. */
  forgetAtMs: number;
  settled: Finding | undefined;
};

export class ImageFinder {
  readonly #deadlineMs: number;
  readonly #parts: FinderParts;
  readonly #flights = new Map<string, Flight>();
  readonly #ending = new AbortController();

  constructor(options: { readonly deadlineMs: number }, parts: FinderParts) {
    this.#deadlineMs = options.deadlineMs;
    this.#parts = parts;
  }

  /** Rejects only when the caller's signal fires. */
  async find(request: FindRequest, signal: AbortSignal): Promise<Finding> {
    const flight = this.#flight(request);
    // What is known already may still have to be mounted again.
    const since = flight.settled === undefined ? flight.startedAtMs : performance.now();
    const left = Math.max(0, since + this.#deadlineMs - performance.now());
    const timer = new AbortController();
    const late = sleep(left, this.#late(), { signal: timer.signal }).catch(() => this.#late());
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
  finalFailure(request: FindRequest): string | undefined {
    const settled = this.#flights.get(keyOf(request))?.settled;
    return settled?.kind === 'not-ready' && settled.isFinal ? settled.reason : undefined;
  }

  /** Ends lookups that run. */
  async close(): Promise<void> {
    this.#ending.abort();
    await Promise.all([...this.#flights.values()].map(({ finding }) => finding));
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

  #late(): Finding {
    const reason = `the image was not found and mounted within ${this.#deadlineMs} ms`;
    return { kind: 'not-ready', reason, isFinal: false };
  }

  #flight(request: FindRequest): Flight {
    const key = keyOf(request);
    const known = this.#flights.get(key);
    if (known !== undefined && known.forgetAtMs > performance.now()) return known;
    this.#flights.delete(key);
    const flight: Flight = {
      finding: this.#fly(request),
      startedAtMs: performance.now(),
      forgetAtMs: Number.POSITIVE_INFINITY,
      settled: undefined,
    };
    this.#flights.set(key, flight);
    void flight.finding.then((finding) => {
      flight.settled = finding;
      flight.forgetAtMs = performance.now() + LOOKUP_REMEMBERED_MS;
    });
    for (const oldest of this.#flights.keys()) {
      if (this.#flights.size <= LOOKUP_MEMORY_MAX) break;
      this.#flights.delete(oldest);
    }
    return flight;
  }

  async #fly(request: FindRequest): Promise<Finding> {
    const timeout = AbortSignal.timeout(LOOKUP_TOTAL_MS_MAX);
    const signal = AbortSignal.any([timeout, this.#ending.signal]);
    try {
      const mark = await this.#parts.turns.run(() => this.#mount(request, signal));
      return { kind: 'ready', mark };
    } catch (error) {
      return notReady(error);
    }
  }

  async #mount({ image, imageRef, isConverted }: FindRequest, signal: AbortSignal) {
    signal.throwIfAborted();
    const { counterpart, ensure } = this.#parts;
    const manifestDigest = isConverted ? image.manifestDigest : await counterpart(image, signal);
    const repository = repositoryOf(image.reference);
    const mark: ImageMark = { kind: 'image', repository, manifestDigest, imageRef };
    await ensure(mark, signal);
    return mark;
  }
}

function keyOf({ image, isConverted }: FindRequest): string {
  const { reference, manifestDigest } = image;
  return `${isConverted ? 'is' : 'for'} ${reference.tag ?? ''} ${repositoryOf(reference)} ${manifestDigest}`;
}

function notReady(error: unknown): Finding {
  const isPassing = isRetryable(error) || (error instanceof Error && error.name === 'AbortError');
  return { kind: 'not-ready', reason: errorFields(error).reason, isFinal: !isPassing };
}
