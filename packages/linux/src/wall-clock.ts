/** The wall clock to the microsecond; Node's own `Date.now()` knows milliseconds. */
import koffi from 'koffi';
import { checked } from './syscalls.ts';

const CLOCK_REALTIME = 0;
const MICROS_PER_SECOND = 1_000_000;

const cClockGettime = koffi.load(null).func('clock_gettime', 'int', ['int', 'void *']);

/** Seconds and nanoseconds, both as long as a pointer on what Node runs on. */
const time = new BigInt64Array(2);

/** Microseconds since 1970, rounded down: exact until the year 2255. */
export function wallClockMicros(): number {
  checked(cClockGettime(CLOCK_REALTIME, time), 'clock_gettime', 'the wall clock');
  const [seconds = 0n, nanos = 0n] = time;
  return Number(seconds) * MICROS_PER_SECOND + Math.floor(Number(nanos) / 1000);
}
