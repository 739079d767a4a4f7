/** What a journal says, while one download after the other is killed in the middle. */
import {
  chmodSync,
  chownSync,
  existsSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { noise, requireRoot, type TestScope, temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { PartialFile, removeUnfinished } from '../src/partial/partial-file.ts';
import { HeldDirectory } from '../src/target/held-directory.ts';

const A = { identity: 'https://files.example/a etag "a"' };
const B = { identity: 'https://files.example/b etag "b"' };
const bytesOfA = noise(3000, 'a');
const bytesOfB = noise(5000, 'b');

async function place(t: TestScope) {
  const path = temporaryDirectory(t);
  const directory = await HeldDirectory.open(path);
  t.teardown(() => directory[Symbol.asyncDispose]());
  const at = { directory, name: 'file' };
  const file = (kind: string) => join(path, `file.shoal-${kind}`);
  return {
    open: (subject: typeof A) => PartialFile.open(at, subject),
    interrupted: async (subject: typeof A, bytes: Buffer) => {
      await using partial = await PartialFile.open(at, subject);
      await partial.append(bytes);
      await partial.keep();
    },
    /** Before its first journal, as SIGKILL or a full disk does it. */
    killed: async (subject: typeof A, bytes: Buffer) => {
      await using partial = await PartialFile.open(at, subject);
      await partial.append(bytes);
    },
    remove: () => removeUnfinished(at),
    file,
    names: () => readdirSync(path).sort(),
  };
}

t.test('bytes of something else are never continued as what was there before', async (t) => {
  const { open, interrupted, killed, file } = await place(t);
  await interrupted(A, bytesOfA);
  await killed(B, bytesOfB);
  t.notOk(existsSync(file('journal')), 'nothing says that they are those of A');
  t.ok(readFileSync(file('partial')).equals(bytesOfB));
  {
    await using again = await open(A);
    t.equal(again.bytes, 0);
  }
  await interrupted(B, bytesOfB);
  await using partial = await open(B);
  t.equal(partial.bytes, bytesOfB.length, 'its own are');
});

t.test('nor where the bytes had gone and the journal had not', async (t) => {
  for (const content of ['', 'short']) {
    const { open, interrupted, killed, file } = await place(t);
    await interrupted(A, bytesOfA);
    writeFileSync(file('partial'), content);
    await killed(B, bytesOfB);
    await using again = await open(A);
    t.equal(again.bytes, 0);
  }
});

t.test('nor after a start from the beginning', async (t) => {
  const { open, interrupted, file } = await place(t);
  await interrupted(A, bytesOfA);
  {
    await using partial = await open(A);
    t.equal(partial.bytes, bytesOfA.length);
    await partial.startAgain();
    await partial.append(bytesOfB);
  }
  t.notOk(existsSync(file('journal')));
  await using again = await open(A);
  t.equal(again.bytes, 0);
});

t.test('what another user has left in a directory of many is not continued', async (t) => {
  if (!requireRoot(t)) return;
  for (const mode of [0o1777, 0o755]) {
    const { open, interrupted, file } = await place(t);
    await interrupted(A, bytesOfA);
    const directory = dirname(file('partial'));
    chmodSync(directory, mode);
    for (const kind of ['partial', 'journal']) chownSync(file(kind), 65534, 65534);
    await using partial = await open(A);
    const isShared = mode === 0o1777;
    t.equal(partial.bytes, isShared ? 0 : bytesOfA.length);
    t.equal((await partial.handle.stat()).uid, isShared ? process.geteuid?.() : 65534);
  }
});

t.test('of each name in a directory of many it counts whose it is, by itself', async (t) => {
  if (!requireRoot(t)) return;
  for (const kind of ['partial', 'journal', 'next']) {
    const { open, interrupted, file } = await place(t);
    await interrupted(A, bytesOfA);
    writeFileSync(file('next'), 'begun');
    chmodSync(dirname(file('partial')), 0o1777);
    chownSync(file(kind), 65534, 65534);
    await using partial = await open(A);
    t.equal(partial.bytes, kind === 'next' ? bytesOfA.length : 0, kind);
    t.equal((await partial.handle.stat()).uid, process.geteuid?.());
    t.equal(existsSync(file('next')), kind !== 'next');
  }
});

t.test('what a crash in the middle of a journal leaves goes with the rest', async (t) => {
  const ways: Record<string, (scene: Awaited<ReturnType<typeof place>>) => Promise<void>> = {
    published: async ({ open }) => {
      await using partial = await open(A);
      await partial.publish(false);
    },
    discarded: async ({ open }) => {
      await using partial = await open(A);
      await partial.discard();
    },
    'never begun': async ({ open }) => {
      await using _ = await open(B);
    },
    removed: async ({ remove }) => await remove(),
  };
  for (const [name, end] of Object.entries(ways)) {
    const scene = await place(t);
    await scene.interrupted(A, bytesOfA);
    writeFileSync(scene.file('next'), 'begun');
    await end(scene);
    t.same(scene.names(), name === 'published' ? ['file'] : [], name);
  }
});
