/** What went wrong while many things were closed, one after the other: an `AsyncDisposableStack` says it nested. */

/** In the order in which it happened. */
export function closeFailures(error: unknown): readonly unknown[] {
  if (!(error instanceof SuppressedError)) return [error];
  return [...closeFailures(error.suppressed), ...closeFailures(error.error)];
}
