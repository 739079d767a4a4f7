import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { until } from '@shoal/test-kit';
import t from 'tap';
import { startBehind } from '../src/fetch/start-behind.ts';
import { READAHEAD_DELAY_MS } from '../src/limits.ts';

t.test('behind a quick read: once it is over and answered', async (t) => {
  let starts = 0;
  await startBehind(Promise.resolve(), () => starts++);
  t.equal(starts, 0, 'whoever waits goes first');
  await turn();
  t.equal(starts, 1);
  await sleep(2 * READAHEAD_DELAY_MS);
  t.equal(starts, 1);
});

t.test('beside a slow read: once, while it goes on', async (t) => {
  const { promise: read, resolve } = Promise.withResolvers<void>();
  let starts = 0;
  const over = startBehind(read, () => starts++);
  await until('the first starts', () => starts === 1);
  resolve();
  await over;
  await turn();
  t.equal(starts, 1);
});

t.test('not behind a read that failed', async (t) => {
  let starts = 0;
  await t.rejects(
    startBehind(Promise.reject(new Error('no')), () => starts++),
    { message: 'no' },
  );
  await sleep(2 * READAHEAD_DELAY_MS);
  t.equal(starts, 0);
});
