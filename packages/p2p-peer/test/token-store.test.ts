/** The token of a host: one request at a time, renewed at half of life, kept while trackers are away. */
import { inspect } from 'node:util';
import t from 'tap';
import { type FetchedToken, TokenStore } from '../src/trust/token-store.ts';

const LIFE_MS = 10_000;

/** A clock that moves when it is told, and trackers that answer when they are told. */
class World {
  nowMs = 1_000_000;
  asked = 0;
  isAway = false;
  timers: { atMs: number; callback: () => void }[] = [];
  hold: Promise<void> = Promise.resolve();
  readonly store = new TokenStore({
    fetchToken: () => this.#fetch(),
    nowMs: () => this.nowMs,
    random: () => 0.5,
    later: (callback, delayMs) => {
      const timer = { atMs: this.nowMs + delayMs, callback };
      this.timers.push(timer);
      return () => {
        this.timers = this.timers.filter((other) => other !== timer);
      };
    },
  });

  async #fetch(): Promise<FetchedToken | undefined> {
    this.asked += 1;
    const number = this.asked;
    await this.hold;
    if (this.isAway) throw new Error('away');
    return { token: `secret-${number}`, expiresAtMs: this.nowMs + LIFE_MS };
  }

  /** Moves to the next timer and lets what it starts come to its end. */
  async next(): Promise<void> {
    const timer = this.timers.shift();
    this.nowMs = timer?.atMs ?? this.nowMs;
    timer?.callback();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

t.test('whoever wants a token first asks, the others wait for the same', async (t) => {
  const world = new World();
  const { promise, resolve } = Promise.withResolvers<void>();
  world.hold = promise;
  t.equal(world.store.current, undefined);
  const waiting = [world.store.get(), world.store.get(), world.store.get()];
  const impatient = world.store.get(AbortSignal.abort(new Error('given up')));
  await t.rejects(impatient, { message: 'given up' });
  resolve();
  t.same(await Promise.all(waiting), ['secret-1', 'secret-1', 'secret-1']);
  t.equal(world.asked, 1);
  t.notOk(inspect(world.store, { depth: 9, showHidden: true }).includes('secret-1'));
  t.notOk(JSON.stringify(world.store).includes('secret'));
  await world.store.close();
  t.equal(world.store.current, undefined);
  t.equal(await world.store.get(), undefined);
  t.equal(world.timers.length, 0);
  t.equal(world.asked, 1);
});

t.test('renewed before half of its life is over, kept while nobody answers', async (t) => {
  const world = new World();
  t.equal(await world.store.get(), 'secret-1');
  t.equal((world.timers[0]?.atMs ?? 0) - world.nowMs, 4500, 'half of life less 10 % by chance');
  await world.next();
  t.equal(world.store.current, 'secret-2');
  world.isAway = true;
  const startMs = world.nowMs;
  const delays: number[] = [];
  while (world.nowMs < startMs + LIFE_MS) {
    const beforeMs = world.nowMs;
    await world.next();
    delays.push(world.nowMs - beforeMs);
    if (world.nowMs < startMs + LIFE_MS) t.equal(world.store.current, 'secret-2');
  }
  t.same(delays.slice(0, 4), [4500, 1000, 2000, 4000], 'asks less often');
  t.equal(world.store.current, undefined, 'its time is over');
  t.equal(await world.store.get(), undefined);
  world.isAway = false;
  t.match(await world.store.get(), /^secret-/);
  await world.store.close();
});

t.test('a token that is over already counts as none', async (t) => {
  let asked = 0;
  const store = new TokenStore({
    fetchToken: async () => {
      asked += 1;
      return { token: 'old', expiresAtMs: 5 };
    },
  });
  t.equal(await store.get(), undefined);
  t.equal(store.current, undefined);
  t.equal(asked, 1);
  await store.close();
});
