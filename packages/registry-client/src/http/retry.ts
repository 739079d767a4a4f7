/**
 * Tries again what can heal: exponential waits with jitter, `Retry-After` when the server gives one.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { isRetryable } from '@shoal/errors';
import {
  ExchangeError,
  SilentServerError,
  SlowServerError,
  StatusError,
  UnreachableError,
} from '../errors.ts';
import {
  ATTEMPTS_MAX,
  RETRY_AFTER_MS_MAX,
  RETRY_DELAY_MS,
  RETRY_DELAY_MS_MAX,
  SILENT_ATTEMPTS_MAX,
  UNREACHABLE_ATTEMPTS_MAX,
  UNREACHABLE_DELAY_MAX_MS,
} from '../limits.ts';
import type { RetryOptions } from './http-options.ts';

export type RetryPolicy = {
  readonly attemptsMax: number;
  readonly delayMs: number;
  readonly delayMaxMs: number;
  readonly retryAfterMaxMs: number;
  readonly random: () => number;
};

export function resolveRetryOptions(options: RetryOptions = {}): RetryPolicy {
  return {
    attemptsMax: options.attemptsMax ?? ATTEMPTS_MAX,
    delayMs: options.delayMs ?? RETRY_DELAY_MS,
    delayMaxMs: options.delayMaxMs ?? RETRY_DELAY_MS_MAX,
    retryAfterMaxMs: options.retryAfterMaxMs ?? RETRY_AFTER_MS_MAX,
    random: options.random ?? Math.random,
  };
}

/**
 * How long to wait after try `attempt` (1 is the first) failed with `error`; undefined: give up.
 */
export function delayAfter(
  error: unknown,
  attempt: number,
  policy: RetryPolicy,
): number | undefined {
  if (!isRetryable(error) || (error instanceof StatusError && error.wasWaitedFor)) return undefined;
  const isUnreachable = error instanceof UnreachableError;
  if (attempt >= Math.min(policy.attemptsMax, attemptsMaxFor(error))) return undefined;
  const ceiling = isUnreachable ? UNREACHABLE_DELAY_MAX_MS : policy.delayMaxMs;
  const doubled = Math.min(ceiling, policy.delayMs * 2 ** (attempt - 1));
  const jittered = doubled * (0.5 + policy.random() / 2);
  const asked = error instanceof ExchangeError ? (error.retryAfterMs ?? 0) : 0;
  if (asked > policy.retryAfterMaxMs) return undefined;
  return Math.max(jittered, asked);
}

/** Where every try costs a whole timeout, there are fewer of them. */
function attemptsMaxFor(error: unknown): number {
  if (error instanceof UnreachableError) return UNREACHABLE_ATTEMPTS_MAX;
  if (error instanceof SilentServerError || error instanceof SlowServerError)
    return SILENT_ATTEMPTS_MAX;
  return Number.POSITIVE_INFINITY;
}

/** Runs `operation` until it succeeds or fails for good. `attempt` starts at 1. */
export async function withRetry<Value>(
  policy: RetryPolicy,
  signal: AbortSignal | undefined,
  operation: (attempt: number) => Promise<Value>,
): Promise<Value> {
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted();
    try {
      return await operation(attempt);
    } catch (error) {
      const delayMs = signal?.aborted === true ? undefined : delayAfter(error, attempt, policy);
      if (delayMs === undefined) throw error;
      await pause(delayMs, signal);
    }
  }
}

/** Waits; an abort ends the wait with the signal's reason. */
export async function pause(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(delayMs, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}
