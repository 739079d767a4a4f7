/** Descriptors that are shared, bounded and waited for. */
import { type FileHandle, open } from 'node:fs/promises';
import { setImmediate as turn } from 'node:timers/promises';
import t from 'tap';
import { type OpenFile, OpenFiles } from '../src/store/open-files.ts';
import { randomOf } from './support/random.ts';

const openNull = () => open('/dev/null', 'r');

t.test('who asks for the same file shares it', async (t) => {
  const files = new OpenFiles(2);
  const [a, b] = await Promise.all([files.acquire('a', openNull), files.acquire('a', openNull)]);
  t.equal(a.handle, b.handle);
  t.equal(files.count, 1);
  a.release();
  a.release();
  const c = b.share();
  b.release();
  t.ok((await c.handle.stat()).isCharacterDevice(), 'still open');
  files.forget('a');
  const d = await files.acquire('a', openNull);
  t.not(d.handle, c.handle, 'what was forgotten is opened anew');
  c.release();
  d.release();
  await files.close();
  t.equal(files.count, 0);
  await t.rejects(files.acquire('a', openNull));
});

t.test('one that cannot be opened harms nobody', async (t) => {
  const files = new OpenFiles(1);
  const failing = () => Promise.reject(new Error('no'));
  const both = [files.acquire('a', failing), files.acquire('a', failing)];
  for (const each of both) await t.rejects(each, { message: 'no' });
  t.equal(files.count, 0);
  const file = await files.acquire('a', openNull);
  file.release();
  await files.close();
});

t.test('never more than allowed are open, and everybody has a turn', async (t) => {
  const max = 3;
  const files = new OpenFiles(max);
  const random = randomOf(7);
  const openNow = new Set<FileHandle>();
  let most = 0;
  const openOne = async () => {
    const handle = await openNull();
    openNow.add(handle);
    most = Math.max(most, openNow.size);
    const close = handle.close.bind(handle);
    handle.close = () => {
      openNow.delete(handle);
      return close();
    };
    return handle;
  };
  const use = async (file: OpenFile) => {
    for (let turns = Math.floor(random() * 4); turns > 0; turns--) await turn();
    await file.handle.stat();
    file.release();
  };
  let served = 0;
  await Promise.all(
    Array.from({ length: 400 }, async () => {
      const key = `file ${Math.floor(random() * 9)}`;
      await use(await files.acquire(key, openOne));
      if (random() < 0.1) files.forget(key);
      served++;
    }),
  );
  t.equal(served, 400);
  t.ok(most <= max, `${most} were open at once`);
  await files.close();
  t.equal(openNow.size, 0);
});
