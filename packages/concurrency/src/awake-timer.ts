/**
 * Time limits that count while this process runs: one that was stopped, or got no processor, has not waited, and what
 * it was sent meanwhile lies in its sockets still.
 */

/** So much of a time without running counts at most. */
const STEP_MS = 500;

/** Calls back once when `ms` have passed in which it ran. The answer cancels. */
export function afterAwakeMs(ms: number, run: () => void): () => void {
  let leftMs = ms;
  let timer: NodeJS.Timeout;
  let last: NodeJS.Immediate | undefined;
  const step = () => {
    const stepMs = Math.min(STEP_MS, leftMs);
    timer = setTimeout(() => {
      leftMs -= stepMs;
      if (leftMs > 0) step();
      // What has come meanwhile is heard first.
      else last = setImmediate(run);
    }, stepMs);
  };
  step();
  return () => {
    clearTimeout(timer);
    clearImmediate(last);
  };
}
