/**
 * Reads again what failed and may heal, after a jittered, growing pause. An error says itself
 * whether trying again can help; a read that takes too long counts as one that may heal.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { isRetryable } from '@shoal/errors';
import { SourceTimeoutError } from '../errors.ts';
import { RETRY_ATTEMPTS_MAX, RETRY_DELAY_MS_MAX } from '../limits.ts';
import type { BlobKey, BlobReadOptions, BlobSource } from './blob-source.ts';

export type RetryOptions = {
  /** Tries, the first included. @default RETRY_ATTEMPTS_MAX */
  readonly attempts?: number;
  /** Pause before the second try; doubles with each. @default 100 */
  readonly delayMs?: number;
  /** Longest time one try may take. @default 120000 */
  readonly attemptTimeoutMs?: number;
};

export type RetryComponents = {
  /** A number in [0, 1). */
  readonly random: () => number;
  readonly sleep: (ms: number, signal: AbortSignal | undefined) => Promise<void>;
};

const REAL: RetryComponents = {
  random: Math.random,
  sleep: (ms, signal) => sleep(ms, undefined, signal === undefined ? {} : { signal }),
};

export function retryingSource(
  source: BlobSource,
  options: RetryOptions = {},
  components: RetryComponents = REAL,
): BlobSource {
  const { attempts = RETRY_ATTEMPTS_MAX, delayMs = 100, attemptTimeoutMs = 120_000 } = options;
  const tryOnce = (blob: BlobKey, offset: number, length: number, call: BlobReadOptions) =>
    withTimeout(call.signal, attemptTimeoutMs, (signal) =>
      source.read(blob, offset, length, { ...call, signal }),
    );
  return {
    name: source.name,
    async read(blob, offset, length, call = {}) {
      for (let attempt = 1; ; attempt++) {
        try {
          return await tryOnce(blob, offset, length, call);
        } catch (error) {
          call.signal?.throwIfAborted();
          const failure =
            error === TIMED_OUT
              ? new SourceTimeoutError(blob.blobId, source.name, attemptTimeoutMs)
              : error;
          if (attempt >= attempts || !isRetryable(failure)) throw failure;
          const pause = Math.min(delayMs * 2 ** (attempt - 1), RETRY_DELAY_MS_MAX);
          await pauseFor(pause * (0.5 + components.random() / 2), call.signal, components);
        }
      }
    },
    close: () => source.close(),
  };
}

const TIMED_OUT = Symbol('the read took too long');

/** Rejects with TIMED_OUT, even when the source ignores its signal. */
async function withTimeout<T>(
  outer: AbortSignal | undefined,
  timeoutMs: number,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const { promise: given, reject: giveUp } = Promise.withResolvers<never>();
  given.catch(() => {});
  const timer = setTimeout(() => {
    giveUp(TIMED_OUT);
    controller.abort(TIMED_OUT);
  }, timeoutMs);
  const onAbort = () => {
    giveUp(outer?.reason);
    controller.abort(outer?.reason);
  };
  if (outer?.aborted) onAbort();
  else outer?.addEventListener('abort', onAbort, { once: true });
  try {
    outer?.throwIfAborted();
    return await Promise.race([run(controller.signal), given]);
  } finally {
    clearTimeout(timer);
    outer?.removeEventListener('abort', onAbort);
  }
}

async function pauseFor(
  ms: number,
  signal: AbortSignal | undefined,
  components: RetryComponents,
): Promise<void> {
  try {
    await components.sleep(ms, signal);
  } finally {
    signal?.throwIfAborted();
  }
}
