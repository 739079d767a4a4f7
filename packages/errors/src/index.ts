/**
 * The base of every error Shoal throws on purpose.
 *
 * One class per condition, each with a stable `code` (`ERR_<PACKAGE>_<CONDITION>`). Callers test
 * `code`, never the message. Whether trying again can help is data (`retryable`), decided where the
 * knowledge is; one retry wrapper reads it. `remedy` is the sentence that tells a user what to do.
 */
export type ShoalErrorOptions = {
  readonly cause?: unknown;
  /** True when the same call may succeed later. @default false */
  readonly retryable?: boolean;
  /** What the user can do about it, one sentence. */
  readonly remedy?: string;
};

export abstract class ShoalError extends Error {
  abstract readonly code: string;
  readonly retryable: boolean;
  readonly remedy: string | undefined;

  constructor(message: string, options: ShoalErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.retryable = options.retryable ?? false;
    this.remedy = options.remedy;
  }
}

/** The stable code of an error: ours (`ERR_...`) or the system's (`ENOENT`); undefined if none. */
export function errorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** True when an error says of itself that trying again may help. */
export function isRetryable(error: unknown): boolean {
  return error instanceof ShoalError && error.retryable;
}

export { shellWord } from './shell-word.ts';
