/**
 * How busy this host is: where more threads want to run than there are processors, answers are late
 * everywhere, and nobody is dead for that.
 */
import { readFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { SILENCE_TIMES_MAX } from './limits.ts';

export type HostLoad = {
  /** Threads that want to run, in the mean of the last minute; also those that wait for a disk. */
  readonly load: number;
  /** Share of the last ten seconds in which some thread waited for a processor; undefined: the kernel does not say. */
  readonly waitedShare: number | undefined;
};

const processors = availableParallelism();
const PRESSURE_FILE = '/proc/pressure/cpu';
/** The kernel counts the one every 5 s, the other every 2 s. */
const LOAD_HOLDS_MS = 1000;
/** Below, nobody waits long enough to be taken for dead; above the second one everybody does. */
const WAITED_SHARE_LOW = 0.25;
const WAITED_SHARE_HIGH = 0.75;
let known: { readonly load: HostLoad; readonly untilMs: number } | undefined;

/**
 * By how much to be more patient than an idle host: at least 1. A load that is over stays in the mean of a
 * minute, so it counts as far as threads still wait for processors.
 */
export function patienceTimes({ load, waitedShare }: HostLoad = presentLoad()): number {
  const byLoad = Math.min(Math.max(load / processors, 1), SILENCE_TIMES_MAX);
  if (waitedShare === undefined) return byLoad;
  const waited = (waitedShare - WAITED_SHARE_LOW) / (WAITED_SHARE_HIGH - WAITED_SHARE_LOW);
  const byWaiting = 1 + Math.min(Math.max(waited, 0), 1) * (SILENCE_TIMES_MAX - 1);
  return Math.min(byLoad, byWaiting);
}

/** Of the line `some avg10=1.25 avg60=...` in percent, as Documentation/accounting/psi.rst has it. */
export function parseWaitedShare(pressure: string): number | undefined {
  const percent = /^some avg10=(\d{1,3}\.\d\d) /.exec(pressure)?.[1];
  return percent === undefined ? undefined : Number(percent) / 100;
}

function presentLoad(): HostLoad {
  const nowMs = performance.now();
  if (known === undefined || nowMs >= known.untilMs) {
    const load = { load: loadavg()[0] ?? 0, waitedShare: presentWaitedShare() };
    known = { load, untilMs: nowMs + LOAD_HOLDS_MS };
  }
  return known.load;
}

/** Kernels without that file, or with `psi=0`. */
function presentWaitedShare(): number | undefined {
  try {
    return parseWaitedShare(readFileSync(PRESSURE_FILE, 'utf8'));
  } catch {
    return undefined;
  }
}
