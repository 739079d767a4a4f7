/** Who waits for whom, and what a failure or an abort ends: only one's own waiting. */
import { afterAwakeMs, KeyedLock, orAbort, RunningTasks, Semaphore } from '@shoal/concurrency';
import t from 'tap';

t.test('tasks of a key follow each other, a failed one too', async (t) => {
  const lock = new KeyedLock();
  const order: string[] = [];
  const gate = Promise.withResolvers<void>();
  const first = lock.run('a', async () => {
    await gate.promise;
    order.push('first');
    throw new Error('fails');
  });
  const second = lock.run('a', async () => order.push('second'));
  await lock.run('b', async () => order.push('other'));
  gate.resolve();
  await t.rejects(first, /fails/);
  await second;
  await lock.drain();
  t.same(order, ['other', 'first', 'second']);
});

t.test('so many tasks at a time, in the order they came, failed ones too', async (t) => {
  const turns = new Semaphore(2);
  const gates = Array.from({ length: 5 }, () => Promise.withResolvers<void>());
  const started: number[] = [];
  const runs = gates.map(({ promise }, index) =>
    turns.run(() => {
      started.push(index);
      return promise;
    }),
  );
  t.same(started, [0, 1]);
  gates[1]?.reject(new Error('fails'));
  await t.rejects(Promise.all(runs.slice(0, 2)), /fails/);
  t.same(started, [0, 1, 2]);
  for (const { resolve } of gates) resolve();
  await Promise.allSettled(runs);
  t.same(started, [0, 1, 2, 3, 4]);
});

t.test('an abort ends the waiting, not the work', async (t) => {
  const work = Promise.withResolvers<string>();
  const given = new AbortController();
  const impatient = orAbort(work.promise, given.signal);
  const patient = orAbort(work.promise, undefined);
  given.abort(new Error('given up'));
  await t.rejects(impatient, /given up/);
  await t.rejects(orAbort(work.promise, given.signal), /given up/, 'nor is it waited for at all');
  work.resolve('done');
  t.equal(await patient, 'done');
});

t.test('tasks are over when the last that was added is, or are waited for no longer', async (t) => {
  const tasks = new RunningTasks();
  const first = Promise.withResolvers<void>();
  const second = Promise.withResolvers<void>();
  tasks.add(first.promise.then(() => tasks.add(second.promise)));
  await tasks.endedWithin(1);
  t.equal(tasks.size, 1);
  let isOver = false;
  const over = tasks.ended().then(() => {
    isOver = true;
  });
  first.resolve();
  await new Promise(setImmediate);
  t.equal(tasks.size, 1);
  t.notOk(isOver);
  second.resolve();
  await over;
  t.equal(tasks.size, 0);
});

t.test('a task that is run settles as it does, and is waited for until then', async (t) => {
  const tasks = new RunningTasks();
  const work = Promise.withResolvers<string>();
  const answer = tasks.run(() => work.promise);
  const failing = tasks.run(async () => {
    throw new Error('failed');
  });
  t.equal(tasks.size, 2);
  await t.rejects(failing, { message: 'failed' });
  await tasks.endedWithin(1);
  t.equal(tasks.size, 1);
  work.resolve('done');
  t.equal(await answer, 'done');
  await tasks.ended();
  t.equal(tasks.size, 0);
});

t.test('a time limit counts while the process runs', async (t) => {
  const asleep = new Int32Array(new SharedArrayBuffer(4));
  let hasEnded = false;
  const ended = new Promise<void>((resolve) => {
    afterAwakeMs(600, () => {
      hasEnded = true;
      resolve();
    });
  });
  Atomics.wait(asleep, 0, 0, 2_000);
  await new Promise((resolve) => setTimeout(resolve, 0));
  await new Promise(setImmediate);
  t.notOk(hasEnded, 'it has not run since');
  await ended;
  t.ok(hasEnded);
});

t.test('a time limit that is lifted never ends, not even if its time was over', async (t) => {
  let ended = 0;
  const lift = afterAwakeMs(1, () => ended++);
  lift();
  const liftLate = afterAwakeMs(1, () => ended++);
  // Of the same millisecond, and so in the same turn of the loop.
  setTimeout(liftLate, 1);
  await new Promise<void>((resolve) => afterAwakeMs(1, resolve));
  await new Promise(setImmediate);
  t.equal(ended, 0);
});
