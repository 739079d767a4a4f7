/**
 * One look-up for all layers of a pull, whatever the registry does, and no pull that waits for it
 * longer than the deadline.
 */
import { Semaphore } from '@shoal/concurrency';
import { parseDigest } from '@shoal/oci';
import t from 'tap';
import { ImageFinder } from '../src/images/image-finder.ts';
import { LOOKUP_STUCK_MS } from '../src/images/limits.ts';
import { silentLog } from '../src/service-log.ts';

const ORIGINAL = parseDigest(`sha256:${'aa'.repeat(32)}`);
const CONVERTED = parseDigest(`sha256:${'bb'.repeat(32)}`);
const { signal } = new AbortController();

/** Of the lowest layer, unless another one asks. */
function request(name: string, isConverted = false, layer = 'sha256:1') {
  const reference = { kind: 'registry', registry: 'r.example', repository: name } as const;
  const image = { reference, manifestDigest: ORIGINAL };
  return { image, imageRef: `r.example/${name}:1`, isConverted, layer };
}

type Asked = { lookups: number; mounts: number };
type Options = { readonly mountMs?: number; readonly ensure?: () => Promise<void> };

function makeFinder(
  deadlineMs: number,
  counterpart: (signal: AbortSignal) => Promise<typeof CONVERTED>,
  turns = new Semaphore(8),
  { mountMs, ensure = async () => {} }: Options = {},
) {
  const asked: Asked = { lookups: 0, mounts: 0 };
  const finder = new ImageFinder(
    { deadlineMs, mountMs },
    {
      counterpart: (_image, ends) => {
        asked.lookups += 1;
        return counterpart(ends);
      },
      ensure: async () => {
        asked.mounts += 1;
        await ensure();
      },
      turns,
      log: silentLog,
    },
  );
  return { finder, asked };
}

t.test('the layers of a pull ask once', async (t) => {
  const { finder, asked } = makeFinder(60_000, async () => CONVERTED);
  const found = await Promise.all(
    Array.from({ length: 5 }, () => finder.find(request('a'), signal)),
  );
  for (const finding of found) {
    t.match(finding, {
      kind: 'ready',
      mark: { repository: 'r.example/a', manifestDigest: CONVERTED },
    });
  }
  t.equal(asked.lookups, 1);
  await finder.find(request('b'), signal);
  t.equal(asked.lookups, 2, 'another image is another question');
  await finder.close();
});

t.test('a converted image that is pulled needs no look-up', async (t) => {
  const { finder, asked } = makeFinder(60_000, async () => CONVERTED);
  const found = await finder.find(request('a', true), signal);
  t.match(found, { kind: 'ready', mark: { manifestDigest: ORIGINAL } });
  t.equal(asked.lookups, 0);
  await finder.close();
});

t.test('a registry that hangs holds a pull up once, and not for long', async (t) => {
  const hanging = Promise.withResolvers<typeof CONVERTED>();
  const { finder, asked } = makeFinder(30, (ends) => {
    ends.addEventListener('abort', () => hanging.reject(ends.reason));
    return hanging.promise;
  });
  const first = await finder.find(request('a'), signal);
  t.match(first, {
    kind: 'not-ready',
    isFinal: false,
    reason: /not ready after \d+ ms: the registry has not said yet/,
  });
  t.equal(finder.finalFailure(request('a')), undefined);
  t.equal((await finder.find(request('a', false, 'sha256:2'), signal)).kind, 'not-ready');
  t.equal(asked.lookups, 1);
  hanging.resolve(CONVERTED);
  const third = await finder.find(request('a', false, 'sha256:3'), signal);
  t.equal(third.kind, 'ready', 'for the layers that follow');
  await finder.close();
});

t.test('what cannot heal is remembered as final', async (t) => {
  const { finder } = makeFinder(60_000, async () => {
    throw new Error('not converted');
  });
  t.match(await finder.find(request('a'), signal), { reason: 'not converted', isFinal: true });
  t.equal(finder.finalFailure(request('a')), 'not converted');
  await finder.close();
});

t.test('what was not found is looked for anew by the next pull', async (t) => {
  let isPushed = false;
  const { finder, asked } = makeFinder(60_000, async () => {
    if (!isPushed) throw new Error('not converted');
    return CONVERTED;
  });
  const pull = async () => {
    const layers = ['sha256:1', 'sha256:2', 'sha256:3'];
    const kinds: string[] = [];
    for (const layer of layers) {
      kinds.push((await finder.find(request('a', false, layer), signal)).kind);
    }
    return kinds;
  };
  t.same(await pull(), ['not-ready', 'not-ready', 'not-ready']);
  t.equal(asked.lookups, 1, 'one question for all layers');
  isPushed = true;
  t.same(await pull(), ['ready', 'ready', 'ready']);
  t.equal(asked.lookups, 2);
  t.same(await pull(), ['ready', 'ready', 'ready']);
  t.equal(asked.lookups, 2, 'what was found holds');
  await finder.close();
});

t.test('what the image itself holds is not looked at again', async (t) => {
  const unusable = Object.assign(new Error('bad'), { code: 'ERR_SNAPSHOTTER_IMAGE_UNUSABLE' });
  const refused = async () => {
    throw unusable;
  };
  const { finder, asked } = makeFinder(60_000, refused, new Semaphore(8), { ensure: refused });
  for (let pull = 0; pull < 3; pull += 1) {
    t.match(await finder.find(request('a', true), signal), { kind: 'not-ready', isFinal: true });
  }
  t.equal(asked.mounts, 1);
  await finder.close();
});

t.test('once the registry has said which image it is, a pull waits for its mount', async (t) => {
  const mounted = Promise.withResolvers<void>();
  const ensure = () => mounted.promise;
  const patient = makeFinder(1, async () => CONVERTED, new Semaphore(8), {
    mountMs: 60_000,
    ensure,
  });
  const found = patient.finder.find(request('a'), signal);
  setTimeout(() => mounted.resolve(), 50);
  t.equal((await found).kind, 'ready');
  await patient.finder.close();
  const never = Promise.withResolvers<void>();
  const hasty = makeFinder(1, async () => CONVERTED, new Semaphore(8), {
    ...{ mountMs: 20, ensure: () => never.promise },
  });
  const late = await hasty.finder.find(request('a'), signal);
  t.match(late, { kind: 'not-ready', reason: /the converted image is being mounted/ });
  never.resolve();
  await hasty.finder.close();
});

t.test('a registry that hung is asked again by the next pull', async (t) => {
  let isHanging = true;
  const ended = Promise.withResolvers<void>();
  const { finder, asked } = makeFinder(20, async (ends) => {
    if (!isHanging) return CONVERTED;
    await new Promise<void>((resolve) => ends.addEventListener('abort', () => resolve()));
    ended.resolve();
    throw ends.reason;
  });
  t.equal((await finder.find(request('a'), signal)).kind, 'not-ready');
  t.match(await finder.find(request('a'), signal), { kind: 'not-ready' }, 'it may still answer');
  t.equal(asked.lookups, 1);
  isHanging = false;
  const { now } = performance;
  t.teardown(() => {
    performance.now = now;
  });
  performance.now = () => now.call(performance) + LOOKUP_STUCK_MS;
  t.equal((await finder.find(request('a'), signal)).kind, 'ready');
  t.equal(asked.lookups, 2);
  await ended.promise;
  await finder.close();
});

t.test('a pull that has to wait for others says so', async (t) => {
  const turns = new Semaphore(1);
  const free = Promise.withResolvers<void>();
  void turns.run(() => free.promise);
  const { finder } = makeFinder(5, async () => CONVERTED, turns);
  const late = await finder.find(request('a'), signal);
  t.match(late, { kind: 'not-ready', reason: /other images are looked for and mounted/ });
  free.resolve();
  await finder.close();
});

t.test('one who gives up harms no other', async (t) => {
  const answer = Promise.withResolvers<typeof CONVERTED>();
  const { finder } = makeFinder(60_000, () => answer.promise);
  const impatient = new AbortController();
  const given = finder.find(request('a'), impatient.signal);
  const patient = finder.find(request('a'), signal);
  impatient.abort();
  await t.rejects(given, { name: 'AbortError' });
  answer.resolve(CONVERTED);
  t.equal((await patient).kind, 'ready');
  await finder.close();
});

t.test('a storm of pulls asks a few at a time', async (t) => {
  let running = 0;
  let most = 0;
  const { finder, asked } = makeFinder(
    60_000,
    async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
      return CONVERTED;
    },
    new Semaphore(3),
  );
  const names = Array.from({ length: 20 }, (_, at) => `image-${at}`);
  await Promise.all(names.map((name) => finder.find(request(name), signal)));
  t.equal(asked.lookups, 20);
  t.equal(most, 3);
  await finder.close();
});
