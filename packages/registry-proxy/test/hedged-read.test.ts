/** Two ways to the same bytes: who is asked when, who counts, and that the other is cancelled. */
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '@shoal/test-kit';
import t from 'tap';
import { HedgedRead, type HedgedReadInput } from '../src/blobs/hedged-read.ts';
import { SourceRest } from '../src/blobs/source-rest.ts';
import { SHARED_REST_MS, SHARED_REST_MS_MAX } from '../src/limits.ts';

const PATIENCE = { firstMs: 20, silentMs: 20, afterFailureMs: 60 };

/** One way, whose answers the test gives. */
class Way {
  asked = 0;
  isCancelled = false;
  sign: () => void = () => undefined;
  readonly #answer = Promise.withResolvers<string>();

  read = (signal: AbortSignal, onSign: () => void = () => undefined): Promise<string> => {
    this.asked++;
    this.sign = onSign;
    signal.addEventListener('abort', () => {
      this.isCancelled = true;
    });
    return this.#answer.promise;
  };

  answer(value: string): void {
    this.#answer.resolve(value);
  }

  fail(message: string): void {
    this.#answer.reject(new Error(message));
  }
}

function start(options: Partial<HedgedReadInput<string>> = {}) {
  const shared = new Way();
  const direct = new Way();
  const client = new AbortController();
  const read = new HedgedRead<string>({
    ...{ shared: shared.read, direct: direct.read, isAtRegistry: () => false },
    ...{ isFirst: true, isResting: false, patience: PATIENCE },
    ...options,
  });
  const result = read.run(client.signal);
  result.catch(() => undefined);
  return { shared, direct, client, result };
}

t.test('an answer in time is all', async (t) => {
  const { shared, direct, result } = start();
  shared.answer('s');
  t.match(await result, { value: 's', winner: 'shared', wasSilent: false });
  await sleep(3 * PATIENCE.firstMs);
  t.equal(direct.asked, 0);
});

t.test('a silent source: the registry is asked, and the source cancelled', async (t) => {
  const { shared, direct, result } = start();
  await until('the registry is asked', () => direct.asked === 1);
  t.notOk(shared.isCancelled, 'it may still win');
  direct.answer('d');
  t.match(await result, { value: 'd', winner: 'direct', wasSilent: true });
  t.ok(shared.isCancelled);
});

t.test('a late source that is first after all: the registry is cancelled', async (t) => {
  const { shared, direct, result } = start();
  await until('the registry is asked', () => direct.asked === 1);
  shared.answer('s');
  t.match(await result, { value: 's', winner: 'shared', wasSilent: true });
  t.ok(direct.isCancelled);
});

t.test('a source that fails: at once', async (t) => {
  const { shared, direct, result } = start({
    patience: { ...PATIENCE, firstMs: 1e6, silentMs: 1e6 },
  });
  shared.fail('gone');
  await until('the registry is asked', () => direct.asked === 1);
  direct.answer('d');
  t.match(await result, { winner: 'direct', wasSilent: false });
});

t.test('both fail: the error is that of the registry, in either order', async (t) => {
  const one = start();
  one.shared.fail('gone');
  one.direct.fail('registry');
  await t.rejects(one.result, { message: 'registry' });
  const other = start();
  await until('the registry is asked', () => other.direct.asked === 1);
  other.direct.fail('registry');
  await sleep(1);
  other.shared.fail('gone');
  await t.rejects(other.result, { message: 'registry' });
});

t.test(
  'the registry fails: a source that goes on is waited for, a silent one is not',
  async (t) => {
    const silent = start();
    await until('the registry is asked', () => silent.direct.asked === 1);
    silent.direct.fail('registry');
    await t.rejects(silent.result, { message: 'registry' });
    t.ok(silent.shared.isCancelled);
    t.equal(silent.direct.asked, 1, 'once for each read');
    const late = start({ patience: { ...PATIENCE, afterFailureMs: 1e6 } });
    await until('the registry is asked', () => late.direct.asked === 1);
    late.direct.fail('registry');
    await sleep(2 * PATIENCE.silentMs);
    late.shared.answer('s');
    t.match(await late.result, { value: 's', winner: 'shared' });
  },
);

t.test('signs keep a later part from being asked for twice, not the first', async (t) => {
  const patience = { ...PATIENCE, firstMs: 30, silentMs: 1e6 };
  const first = start({ patience });
  await until('the registry is asked', () => {
    first.shared.sign();
    return first.direct.asked === 1;
  });
  first.direct.answer('d');
  t.match(await first.result, { winner: 'direct', wasSilent: false }, 'slow, but not silent');
  const later = start({ patience, isFirst: false });
  await sleep(3 * patience.firstMs);
  t.equal(later.direct.asked, 0);
  later.shared.answer('s');
  await later.result;
});

t.test('a source that waits for the registry is left to it, then watched again', async (t) => {
  let isAtRegistry = true;
  const { direct, result } = start({ isAtRegistry: () => isAtRegistry });
  await sleep(4 * PATIENCE.firstMs);
  t.equal(direct.asked, 0);
  isAtRegistry = false;
  await until('the registry is asked', () => direct.asked === 1);
  direct.answer('d');
  await result;
});

t.test('a source that rests is asked only when the registry fails', async (t) => {
  const { shared, direct, result } = start({ isResting: true });
  await sleep(3 * PATIENCE.firstMs);
  t.same([shared.asked, direct.asked], [0, 1]);
  direct.fail('registry');
  await until('the source is asked', () => shared.asked === 1);
  shared.answer('s');
  t.match(await result, { value: 's', winner: 'shared' });
});

t.test('whoever waited goes: both are cancelled, at once', async (t) => {
  const { shared, direct, client, result } = start();
  await until('the registry is asked', () => direct.asked === 1);
  client.abort(new Error('gone'));
  await t.rejects(result, { message: 'gone' });
  t.ok(shared.isCancelled && direct.isCancelled);
  await t.rejects(
    new HedgedRead<string>({
      ...{ shared: shared.read, direct: direct.read, isAtRegistry: () => false },
      ...{ isFirst: true, isResting: false, patience: PATIENCE },
    }).run(client.signal),
    { message: 'gone' },
  );
  t.equal(shared.asked, 1);
});

t.test('rests grow, count once for reads together, and begin anew', async (t) => {
  let nowMs = 0;
  const rest = new SourceRest(() => nowMs);
  const restMs = () => {
    rest.noteSilence();
    rest.noteSilence();
    const startMs = nowMs;
    while (rest.isResting) nowMs += 500;
    return nowMs - startMs;
  };
  t.notOk(rest.isResting);
  t.same(
    [restMs(), restMs(), restMs()],
    [1, 2, 4].map((times) => times * SHARED_REST_MS),
  );
  for (let times = 0; times < 10; times++) restMs();
  t.equal(restMs(), SHARED_REST_MS_MAX);
  rest.noteAnswer();
  t.equal(restMs(), SHARED_REST_MS);
});
