/** The wall clock: that of Node, and finer. */
import t from 'tap';
import { wallClockMicros } from '../src/wall-clock.ts';

t.test('it is the clock of Node', async (t) => {
  for (let round = 0; round < 1000; round += 1) {
    const before = Date.now();
    const micros = wallClockMicros();
    const after = Date.now();
    const ok =
      Number.isSafeInteger(micros) && micros >= before * 1000 && micros < (after + 1) * 1000;
    if (!ok) t.fail(`${before} ${micros} ${after}`);
  }
  const fractions = new Set(Array.from({ length: 1000 }, () => wallClockMicros() % 1000));
  t.ok(fractions.size > 1, 'it does not stand still between milliseconds');
});
