/** Estimates of how long a peer takes: they follow, and nineteen of twenty are sooner than the p95. */
import t from 'tap';
import { LatencyEstimate } from '../src/select/latency-estimate.ts';
import { randomOf } from './support/random.ts';

t.test('what is usual until something is measured', async (t) => {
  const estimate = new LatencyEstimate(2, 20);
  t.equal(estimate.averageMs, 2);
  t.equal(estimate.p95Ms, 20);
  estimate.add(50);
  t.equal(estimate.averageMs, 50);
});

t.test('the average and the p95 of what was measured lately', async (t) => {
  for (const scale of [1, 30]) {
    const random = randomOf(scale);
    const estimate = new LatencyEstimate(2, 20);
    // Exponential: the p95 is three times the mean.
    const next = () => -Math.log(1 - random()) * scale;
    for (let block = 0; block < 300; block++) estimate.add(next());
    let later = 0;
    for (let block = 0; block < 4000; block++) {
      const tookMs = next();
      if (tookMs > estimate.p95Ms) later += 1;
      estimate.add(tookMs);
    }
    t.ok(later > 80 && later < 400, `${later} of 4000 were later, 200 expected`);
    t.ok(estimate.averageMs > scale / 4 && estimate.averageMs < scale * 4);
  }
});
