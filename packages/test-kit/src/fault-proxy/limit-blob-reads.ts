/** A registry that limits requests, as public ones do: above so many a second it asks for silence. */
import type { FaultProxy } from './fault-proxy.ts';
import { isBlobRead } from './faults.ts';

export type LimitedReads = {
  /** Of blobs, those that were refused too. */
  readonly reads: number;
  readonly refused: number;
};

/** Above so many reads of blobs a second it asks for a second of silence. What it gives goes on counting. */
export function limitBlobReads(proxy: FaultProxy, perSecond: number): LimitedReads {
  const asked = { reads: 0, refused: 0 };
  let inSecond = 0;
  let untilMs = 0;
  const isTooMany = () => {
    asked.reads++;
    if (performance.now() >= untilMs) {
      untilMs = performance.now() + 1_000;
      inSecond = 0;
    }
    inSecond++;
    if (inSecond <= perSecond) return false;
    asked.refused++;
    return true;
  };
  proxy.inject({
    fault: { kind: 'status', status: 429, headers: { 'retry-after': '1' } },
    matches: (request) => isBlobRead(request) && isTooMany(),
  });
  return asked;
}
