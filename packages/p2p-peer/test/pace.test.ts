/** The pace of bytes: all in turn, who leaves holds up nobody. */
import t from 'tap';
import { Pace } from '../src/plain/pace.ts';

const staying = () => new AbortController().signal;

t.test(
  'one that is given up while it waits is not charged, and those behind it move up',
  async (t) => {
    let nowMs = 0;
    const pace = new Pace({ bytesPerSecond: 1000, nowMs: () => nowMs });
    await pace.take(1000, staying());
    const leaving = new AbortController();
    const first = pace.take(3_600_000, leaving.signal);
    const second = pace.take(500, staying());
    t.equal(pace.waitMs(500), 3_601_000, 'an hour behind the others');
    nowMs = 600;
    leaving.abort(new Error('enough'));
    await t.rejects(first, /enough/);
    await second;
    t.equal(pace.waitMs(500), 400, 'what the second has taken is charged, and no more');
  },
);

t.test('who stands before one that leaves stays where he is', async (t) => {
  let nowMs = 0;
  const pace = new Pace({ bytesPerSecond: 1000, nowMs: () => nowMs });
  await pace.take(1000, staying());
  let isFirstDone = false;
  const ending = new AbortController();
  const first = pace.take(3_600_000, ending.signal).finally(() => (isFirstDone = true));
  const leaving = new AbortController();
  const second = pace.take(1000, leaving.signal);
  nowMs = 100;
  leaving.abort(new Error('enough'));
  await t.rejects(second, /enough/);
  t.notOk(isFirstDone);
  ending.abort(new Error('the end'));
  await t.rejects(first, /the end/);
});

t.test('one that has left already takes nothing, and without a limit nobody waits', async (t) => {
  const pace = new Pace({ bytesPerSecond: 1000, nowMs: () => 0 });
  await pace.take(1000, staying());
  const gone = AbortSignal.abort(new Error('gone'));
  await t.rejects(pace.take(1000, gone), /gone/);
  t.equal(pace.waitMs(500), 500);
  const free = new Pace({ bytesPerSecond: Number.POSITIVE_INFINITY, nowMs: () => 0 });
  await free.take(2 ** 50, staying());
});
