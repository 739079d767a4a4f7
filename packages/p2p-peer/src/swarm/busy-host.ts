/**
 * How busy this host is: where more threads want to run than there are processors, answers are late
 * everywhere, and nobody is dead for that.
 */
import { availableParallelism, loadavg } from 'node:os';
import { SILENCE_TIMES_MAX } from '../limits.ts';

const processors = availableParallelism();

/** By how much to be more patient than an idle host: at least 1. From the load of the last minute. */
export function patienceTimes(load: number = loadavg()[0] ?? 0): number {
  return Math.min(Math.max(load / processors, 1), SILENCE_TIMES_MAX);
}
