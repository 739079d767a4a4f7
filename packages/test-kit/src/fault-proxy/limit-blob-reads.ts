/** A registry that limits requests, as public ones do: after so many it asks for a second of silence. */
import type { FaultProxy } from './fault-proxy.ts';
import { isBlobRead } from './faults.ts';

export type LimitedReads = {
  /** Of blobs, those that were refused too. */
  readonly reads: number;
  readonly refused: number;
};

const SILENCE_MS = 1_000;

/**
 * After so many reads of blobs it asks for a second of silence, then it gives as many again. However slowly they come:
 * on a busy machine a limit of so many a second might never strike.
 */
export function limitBlobReads(proxy: FaultProxy, atATime: number): LimitedReads {
  const asked = { reads: 0, refused: 0 };
  let given = 0;
  let silentUntilMs: number | undefined;
  const isTooMany = () => {
    asked.reads++;
    if (silentUntilMs !== undefined && performance.now() >= silentUntilMs) {
      silentUntilMs = undefined;
      given = 0;
    }
    if (silentUntilMs === undefined && given < atATime) {
      given++;
      return false;
    }
    silentUntilMs ??= performance.now() + SILENCE_MS;
    asked.refused++;
    return true;
  };
  proxy.inject({
    fault: { kind: 'status', status: 429, headers: { 'retry-after': '1' } },
    matches: (request) => isBlobRead(request) && isTooMany(),
  });
  return asked;
}
