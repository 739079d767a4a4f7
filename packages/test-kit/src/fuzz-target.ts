/**
 * One decoder to fuzz. A package lists its own in `test/fuzz-targets.ts` as
 * `export const fuzzTargets: readonly FuzzTarget[]`; `npm run fuzz` collects them.
 */
export type FuzzTarget = {
  /** Unique within its package. */
  readonly name: string;
  /** Valid inputs to start from; mutations of them go deeper than random bytes do. */
  readonly samples: () => readonly Uint8Array[] | Promise<readonly Uint8Array[]>;
  /**
   * Feeds one input. A ShoalError is a proper refusal; anything else that is thrown, and any input
   * that takes seconds, is a finding.
   */
  readonly run: (input: Buffer) => unknown;
};
