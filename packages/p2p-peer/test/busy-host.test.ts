/** How much longer others are waited for where this host has more work than processors. */
import { availableParallelism } from 'node:os';
import t from 'tap';
import { parseWaitedShare, patienceTimes } from '../src/swarm/busy-host.ts';
import { SILENCE_TIMES_MAX } from '../src/swarm/limits.ts';

const processors = availableParallelism();
const timesOf = (loadTimes: number, waitedShare: number | undefined) =>
  patienceTimes({ load: loadTimes * processors, waitedShare });

t.test('by the load alone where the kernel does not say who waits', async (t) => {
  t.equal(timesOf(0.1, undefined), 1);
  t.equal(timesOf(2, undefined), 2);
  t.equal(timesOf(40, undefined), SILENCE_TIMES_MAX);
});

t.test('a load that is over counts no more', async (t) => {
  t.equal(timesOf(20, 0.1), 1);
  t.equal(timesOf(20, 0.5), (1 + SILENCE_TIMES_MAX) / 2);
  t.equal(timesOf(20, 0.9), SILENCE_TIMES_MAX);
  t.equal(timesOf(0.5, 0.9), 1, 'nor do short waits without it');
});

t.test('the line of the kernel', async (t) => {
  const text = 'some avg10=25.63 avg60=38.91 avg300=36.91 total=3500912030\nfull avg10=0.00';
  t.equal(parseWaitedShare(text), 0.2563);
  t.equal(parseWaitedShare('some avg10=100.00 avg60=1.00 avg300=1.00 total=1\n'), 1);
  for (const other of ['', 'full avg10=1.00 ', 'some avg10=x ', 'some avg10=1 ']) {
    t.equal(parseWaitedShare(other), undefined);
  }
  t.ok(patienceTimes() >= 1 && patienceTimes() <= SILENCE_TIMES_MAX, 'of this host');
});
