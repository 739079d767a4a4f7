/**
 * The clock that counts from the boot of the host: it never jumps, and all processes of one boot agree on
 * it. What it says means nothing after a reboot. Spec: clock_gettime(2), CLOCK_MONOTONIC.
 */
export function bootClockMs(): number {
  const [seconds, nanos] = process.hrtime();
  return seconds * 1000 + nanos / 1e6;
}
