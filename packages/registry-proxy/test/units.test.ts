/** Small parts by themselves: ranges, targets, sizes of reads, work that is shared. */
import t from 'tap';
import { ReadSizes } from '../src/blobs/read-sizes.ts';
import { Flights } from '../src/cache/flights.ts';
import {
  CONNECTIONS_MAX,
  PARTS_HELD_MAX,
  PIPELINED_MAX,
  READ_BYTES_HELD_MAX,
} from '../src/limits.ts';
import { parseByteRange } from '../src/request/byte-range.ts';
import { normalisedAccept } from '../src/request/proxy-request.ts';
import { parseTarget } from '../src/request/target.ts';
import { nextVia } from '../src/request/via.ts';
import { checkUpstreams, redirectHostsOf } from '../src/upstream/upstream-options.ts';

t.test('ranges', async (t) => {
  for (const [header, size, expected] of [
    [undefined, 100, undefined],
    ['bytes=0-9', 100, { start: 0, end: 10 }],
    ['BYTES= 0 - 9 ', 100, { start: 0, end: 10 }],
    ['bytes=90-', 100, { start: 90, end: 100 }],
    ['bytes=-1', 100, { start: 99, end: 100 }],
    ['bytes=-500', 100, { start: 0, end: 100 }],
    ['bytes=50-999999999999999', 100, { start: 50, end: 100 }],
    ['bytes=99-99', 100, { start: 99, end: 100 }],
    ['bytes=100-', 100, 'outside'],
    ['bytes=9-0', 100, 'outside'],
    ['bytes=-0', 100, 'outside'],
    ['bytes=0-', 0, undefined],
    ['bytes=0-5', 0, undefined],
    ['bytes=-5', 0, 'outside'],
    ['bytes=1-', 0, 'outside'],
    ['bytes=0-1,3-4', 100, undefined],
    ['bytes=--1', 100, undefined],
    ['bytes=-', 100, undefined],
    ['bytes=1e3-', 100, undefined],
    [`bytes=0-${'9'.repeat(40)}`, 100, undefined],
  ] as const) {
    t.same(parseByteRange(header, size), expected, `${header} of ${size}`);
  }
});

t.test('targets', async (t) => {
  const digest = `sha256:${'a'.repeat(64)}`;
  t.match(parseTarget('/v2'), { kind: 'ping' });
  t.match(parseTarget('/v2/?ns=docker.io'), { kind: 'ping' });
  t.match(parseTarget('/v2/a/manifests/manifests/v1'), {
    kind: 'manifests',
    name: 'a/manifests',
    reference: { kind: 'tag', tag: 'v1' },
  });
  t.match(parseTarget(`/v2/tags/list/blobs/${digest}?x`), {
    kind: 'blobs',
    name: 'tags/list',
    digest,
  });
  t.match(parseTarget('/v2/a/tags/list/tags/list'), { kind: 'tags', name: 'a/tags/list' });
  t.match(parseTarget(`/v2/a/referrers/${digest}`), { kind: 'referrers', name: 'a' });
  t.match(parseTarget('/v2/a/tags/other'), { kind: 'refusal', status: 404 });
  t.match(parseTarget(`/v2/a/manifests/sha512:${'a'.repeat(64)}`), {
    kind: 'refusal',
    status: 400,
  });
});

t.test('what is accepted is remembered in a few bytes, however much it is', async (t) => {
  t.equal(normalisedAccept(' b/b,A/a, a/a'), 'a/a,b/b');
  const types = Array.from({ length: 2000 }, (_, index) => `a/${index}`);
  const long = normalisedAccept(types.join(','));
  t.ok(long.length < 100, `${long.length} characters`);
  t.equal(normalisedAccept(types.toReversed().join(', ')), long);
  t.not(normalisedAccept(types.slice(1).join(',')), long);
});

t.test('reads grow, end at common places, and shrink when there are many', async (t) => {
  const sizes = new ReadSizes();
  sizes.enter();
  const ends = (start: number, end: number) => {
    const found: number[] = [];
    for (let at = start; at < end; ) {
      at += sizes.next(at, end, at - start);
      found.push(at);
    }
    return found;
  };
  const MiB = 1 << 20;
  t.same(ends(0, 100), [100]);
  t.same(ends(0, 13 * MiB), [MiB / 4, MiB, 2 * MiB, 3 * MiB, 4 * MiB, 8 * MiB, 12 * MiB, 13 * MiB]);
  t.same(ends(5 * MiB + 7, 7 * MiB), [5.25 * MiB, 6 * MiB, 7 * MiB]);
  t.same(ends(MiB / 4 - 5, MiB), [MiB / 2, MiB], 'a few bytes are no read of their own');
  for (let reader = 0; reader < 1000; reader++) sizes.enter();
  t.equal(sizes.next(8 * MiB, 100 * MiB, 8 * MiB), MiB / 16);
  const answers = CONNECTIONS_MAX * PIPELINED_MAX;
  for (let reader = 1000; reader < answers; reader++) sizes.enter();
  const held = answers * PARTS_HELD_MAX * sizes.next(8 * MiB, 100 * MiB, 0);
  t.ok(held <= 2 * READ_BYTES_HELD_MAX, `${held} bytes of as many as can be asked for`);
  for (let reader = 0; reader < answers; reader++) sizes.leave();
  t.equal(sizes.next(8 * MiB, 100 * MiB, 8 * MiB), 4 * MiB);
});

t.test('work that several want is done once, until the last has gone', async (t) => {
  const flights = new Flights<number>();
  let started = 0;
  const { promise, resolve } = Promise.withResolvers<number>();
  const signals: AbortSignal[] = [];
  const work = (signal: AbortSignal) => {
    started++;
    signals.push(signal);
    return promise;
  };
  const leaver = new AbortController();
  const left = flights.run('a', leaver.signal, work);
  const stayed = flights.run('a', undefined, work);
  leaver.abort(new Error('gone'));
  await t.rejects(left, { message: 'gone' });
  t.equal(signals[0]?.aborted, false, 'somebody is still waiting');
  resolve(7);
  t.equal(await stayed, 7);
  t.equal(started, 1);
  t.equal(flights.size, 0);

  const only = new AbortController();
  const never = flights.run('b', only.signal, (signal) => {
    signals.push(signal);
    return new Promise(() => undefined);
  });
  only.abort(new Error('gone'));
  await t.rejects(never, { message: 'gone' });
  t.equal(signals[1]?.aborted, true, 'nobody is waiting');
  t.equal(flights.size, 0);
  await t.rejects(
    flights.run('c', undefined, async () => {
      throw new Error('failed');
    }),
    { message: 'failed' },
  );
  t.equal(await flights.run('c', undefined, async () => 8), 8, 'a failure is not remembered');
});

t.test('proxies on the way', async (t) => {
  const [own, other] = ['0'.repeat(16), '1'.repeat(16)];
  t.equal(nextVia({}, own), own);
  t.equal(nextVia({ 'x-shoal-via': other }, own), `${other}, ${own}`);
  t.equal(nextVia({ 'x-shoal-via': `${other}, ${own}` }, own), undefined);
  t.equal(nextVia({ 'x-shoal-via': 'a, b, c, d' }, own), undefined);
  t.equal(
    nextVia({ 'x-shoal-via': '<script>' }, own),
    own,
    'what is no proxy of ours goes no further',
  );
});

t.test('where an upstream may lead to is as URLs have it', async (t) => {
  const name = 'registry.test';
  const redirectHosts = ['Store.Internal:443', '10.0.0.1:80', '[FD00:0::1]:5000'];
  t.same(redirectHostsOf({ name, redirectHosts }), [
    'store.internal:443',
    '10.0.0.1:80',
    '[fd00::1]:5000',
  ]);
  for (const text of ['store', 'fd00::1:5000', 'store:70000', 'http://store:1']) {
    t.throws(() => checkUpstreams([{ name, redirectHosts: [text] }], undefined), {
      code: 'ERR_REGISTRY_PROXY_CONFIG',
      message: /is no address/,
    });
  }
});
