/** Waits of the last periods, and not of those before. */
import t from 'tap';
import { RECENT_MISSES_MS } from '../src/limits.ts';
import { RecentMisses } from '../src/metrics/recent-misses.ts';

t.test('what is told is of lately', (t) => {
  let nowMs = 0;
  const misses = new RecentMisses(() => nowMs);
  t.equal(misses.latency(), undefined, 'none has waited');
  for (let read = 0; read < 99; read += 1) misses.add(10);
  misses.add(5000);
  const first = misses.latency();
  t.ok(first !== undefined && first.p50 >= 10 && first.p50 < 12 && first.p99 >= 10);
  nowMs += RECENT_MISSES_MS;
  misses.add(1);
  t.ok((misses.latency()?.p50 ?? 0) >= 10, 'the period before still counts');
  nowMs += RECENT_MISSES_MS;
  t.ok((misses.latency()?.p99 ?? 99) < 2, 'only the latest');
  nowMs += 3 * RECENT_MISSES_MS;
  t.equal(misses.latency(), undefined);
  t.end();
});
