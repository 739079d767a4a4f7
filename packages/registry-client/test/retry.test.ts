/** How long to wait before the next try, and when not to try at all. */
import t from 'tap';
import { NotFoundError, StatusError, TransferError, UnreachableError } from '../src/errors.ts';
import { delayAfter, resolveRetryOptions, withRetry } from '../src/http/retry.ts';
import { retryAfterMs } from '../src/http/retry-after.ts';

const broken = new TransferError('broken', { retryable: true });
const limited = (waitMs: number) =>
  new StatusError('limited', 429, { retryable: true, retryAfterMs: waitMs });

t.test('waits double, shortened by chance, up to a ceiling', async (t) => {
  const delays = (random: number) => {
    const policy = resolveRetryOptions({ random: () => random });
    return [1, 2, 3, 4, 5, 6].map((attempt) => delayAfter(broken, attempt, policy));
  };
  t.same(delays(0), [100, 200, 400, 800, 1600, undefined]);
  t.same(delays(1), [200, 400, 800, 1600, 3200, undefined]);
  const ceiling = resolveRetryOptions({ random: () => 1, attemptsMax: 99 });
  t.equal(delayAfter(broken, 20, ceiling), 8000);
});

t.test('nobody listens: below two seconds in all', async (t) => {
  const policy = resolveRetryOptions({ random: () => 1 });
  const unreachable = new UnreachableError('nobody', { retryable: true });
  const delays = [1, 2, 3].map((attempt) => delayAfter(unreachable, attempt, policy));
  t.same(delays, [200, 400, undefined]);
});

t.test('Retry-After counts, within reason', async (t) => {
  const policy = resolveRetryOptions({ random: () => 1 });
  t.equal(delayAfter(limited(5000), 1, policy), 5000);
  t.equal(delayAfter(limited(1), 1, policy), 200);
  t.equal(delayAfter(limited(61_000), 1, policy), undefined);
  const waited = new StatusError('limited', 429, { retryable: true, wasWaitedFor: true });
  t.equal(delayAfter(waited, 1, policy), undefined, 'all who ask have waited together');
  const nowMs = Date.UTC(2026, 0, 1);
  const parse = (value: string) => retryAfterMs(new Map([['retry-after', value]]), nowMs);
  t.equal(parse('3'), 3000);
  t.equal(parse('Thu, 01 Jan 2026 00:00:09 GMT'), 9000);
  t.equal(parse('Thu, 01 Jan 2015 00:00:09 GMT'), 0);
  t.equal(parse('soon'), undefined);
});

t.test('what cannot heal is thrown at once', async (t) => {
  const policy = resolveRetryOptions({ delayMs: 1 });
  let count = 0;
  const failing = (error: Error) =>
    withRetry(policy, undefined, async () => {
      count++;
      throw error;
    });
  await t.rejects(failing(new NotFoundError('no')), { message: 'no' });
  await t.rejects(failing(new TypeError('bug')), { message: 'bug' });
  t.equal(count, 2);
  await t.rejects(failing(broken), { message: 'broken' });
  t.equal(count, 8);
});

t.test('an abort ends the wait', async (t) => {
  const controller = new AbortController();
  const policy = resolveRetryOptions({ delayMs: 1_000_000_000, delayMaxMs: 1_000_000_000 });
  const failing = withRetry(policy, controller.signal, async () => {
    setImmediate(() => controller.abort(new Error('stop')));
    throw broken;
  });
  await t.rejects(failing, { message: 'stop' });
});
