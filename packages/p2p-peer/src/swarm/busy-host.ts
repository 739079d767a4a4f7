/**
 * How busy this host is: where more threads want to run than there are processors, answers are late
 * everywhere, and nobody is dead for that.
 */
import { availableParallelism, loadavg } from 'node:os';
import { SILENCE_TIMES_MAX } from '../limits.ts';

const processors = availableParallelism();
/** The kernel counts it every 5 s. */
const LOAD_HOLDS_MS = 1000;
let known = { load: 0, untilMs: Number.NEGATIVE_INFINITY };

/** By how much to be more patient than an idle host: at least 1. From the load of the last minute. */
export function patienceTimes(load: number = presentLoad()): number {
  return Math.min(Math.max(load / processors, 1), SILENCE_TIMES_MAX);
}

function presentLoad(): number {
  const nowMs = performance.now();
  if (nowMs >= known.untilMs) known = { load: loadavg()[0] ?? 0, untilMs: nowMs + LOAD_HOLDS_MS };
  return known.load;
}
