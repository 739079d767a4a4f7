/** What somebody or something else did to the files and records of a store: never served. */
import {
  chmodSync,
  copyFileSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { type TestScope, temporaryDirectory } from '@shoal/test-kit';
import { Level } from 'level';
import t from 'tap';
import { type SampleBytes, sampleBytes } from './support/sample-bytes.ts';
import { put, type StoreFixture, storeFixture, wrongRanges } from './support/store-fixture.ts';

const MIB = 1 << 20;
/** Bytes from 64 MiB on are of a second segment. */
const sample = sampleBytes(3, 66 * MIB);
const size = sample.bytes.length;
const other = sampleBytes(4, 3 * MIB);

function pathOf(fixture: StoreFixture, { blobId }: SampleBytes): string {
  return join(fixture.directory, 'blobs', blobId.slice(0, 2), blobId);
}

/** A store that has a part of both blobs, closed. */
async function filled(t: TestScope): Promise<StoreFixture> {
  const fixture = storeFixture(t);
  const store = await fixture.open();
  const blob = await store.blob(sample.blobId, size);
  await put(blob, sample, 0, 2 * MIB);
  await put(blob, sample, 65 * MIB, 66 * MIB);
  await put(await store.blob(other.blobId, other.bytes.length), other, 0, MIB);
  await store.close();
  return fixture;
}

const fileDamages: Record<string, (path: string) => void> = {
  'is cut off': (path) => truncateSync(path, 5000),
  'is longer': (path) => truncateSync(path, size + 1),
  'was replaced by a copy': (path) => {
    copyFileSync(path, `${path}.copy`);
    renameSync(`${path}.copy`, path);
  },
  'has holes now': (path) => {
    truncateSync(path, 0);
    truncateSync(path, size);
  },
  'has another name, too': (path) => linkSync(path, join(dirname(path), 'another')),
  'may be opened by others': (path) => chmodSync(path, 0o644),
  'is a symbolic link': (path) => {
    renameSync(path, `${path}.moved`);
    symlinkSync(`${path}.moved`, path);
  },
  'is a directory': (path) => {
    rmSync(path);
    mkdirSync(path);
  },
};

for (const [what, damage] of Object.entries(fileDamages)) {
  t.test(`a file that ${what} is not served`, async (t) => {
    const fixture = await filled(t);
    damage(pathOf(fixture, sample));
    const store = await fixture.open();
    t.match(store.stats(), { filesDamaged: 1, blobs: 1 });
    t.match(fixture.events, [{ kind: 'damaged-file', error: { code: 'ERR_P2P_STORE_FILE' } }]);
    await using blob = await store.blob(sample.blobId, size);
    t.equal(blob.held.count, 0);
    const canBeRemoved = what !== 'is a directory';
    t.equal(await put(blob, sample, 0, MIB), canBeRemoved, 'it is made anew');
    t.strictSame(await wrongRanges(blob, sample), []);
    await using neighbour = await store.blob(other.blobId, other.bytes.length);
    t.equal(neighbour.held.bytes, MIB, 'others are not concerned');
  });
}

t.test('a file that is gone takes its record along, a file without one is removed', async (t) => {
  const fixture = await filled(t);
  rmSync(pathOf(fixture, sample));
  const stray = sampleBytes(9, 100);
  mkdirSync(dirname(pathOf(fixture, stray)), { recursive: true, mode: 0o700 });
  writeFileSync(pathOf(fixture, stray), 'left by a crash');
  writeFileSync(join(dirname(pathOf(fixture, stray)), 'notes'), 'not ours');
  const store = await fixture.open();
  t.match(store.stats(), { filesMissing: 1, filesRemoved: 1, blobs: 1 });
  t.strictSame(readdirSync(dirname(pathOf(fixture, stray))), ['notes']);
  t.equal(store.facts(sample.blobId), undefined);
});

t.test('a link in place of a file is never followed', async (t) => {
  const fixture = storeFixture(t);
  const store = await fixture.open();
  const target = join(temporaryDirectory(t), 'precious');
  writeFileSync(target, 'precious');
  const path = pathOf(fixture, sample);
  mkdirSync(dirname(path), { mode: 0o700 });
  symlinkSync(target, path);
  await using blob = await store.blob(sample.blobId, size);
  t.ok(await put(blob, sample, 0, MIB));
  t.equal(readFileSync(target, 'utf8'), 'precious');
  t.ok(statSync(path).isFile());
});

t.test('a file that is replaced or cut off while it is used', async (t) => {
  for (const damage of [
    (path: string) => truncateSync(path, 100),
    (path: string) => {
      rmSync(path);
      symlinkSync('/etc/passwd', path);
    },
  ]) {
    const fixture = storeFixture(t);
    const store = await fixture.open({ filesOpenMax: 1 });
    await using blob = await store.blob(sample.blobId, size);
    await using neighbour = await store.blob(other.blobId, other.bytes.length);
    await put(blob, sample, 0, MIB);
    await store.flush();
    // Takes the only descriptor.
    await put(neighbour, other, 0, MIB);
    await store.flush();
    damage(pathOf(fixture, sample));
    t.equal(await blob.read(1000, 1000), undefined);
    t.equal(blob.held.count, 0);
    t.match(store.stats(), { filesDamaged: 1 });
    t.match(fixture.lost, [[sample.blobId, [{ start: 0, end: MIB }]]]);
    await store.flush();
    t.ok(await put(blob, sample, 0, MIB), 'it is made anew');
    t.strictSame(await wrongRanges(blob, sample), []);
    await store.close();
  }
});

/** Changes the records of a closed store behind its back. */
async function changeRecords(
  { directory }: StoreFixture,
  change: (db: Level<string, Buffer>, keys: readonly string[]) => Promise<void>,
): Promise<void> {
  const db = new Level<string, Buffer>(join(directory, 'index'), { valueEncoding: 'buffer' });
  await db.open();
  await change(db, await db.keys().all());
  await db.close();
}

const recordDamages: Record<string, (value: Buffer) => Buffer> = {
  'has a flipped bit': (value) => {
    value[5] = (value[5] ?? 0) ^ 16;
    return value;
  },
  'is cut short': (value) => value.subarray(0, value.length - 3),
  'is empty': () => Buffer.alloc(0),
  'is noise': (value) => Buffer.alloc(value.length, 0xa5),
};

for (const [what, damage] of Object.entries(recordDamages)) {
  t.test(`a record that ${what} tells nothing`, async (t) => {
    const fixture = await filled(t);
    const segment = `s/${sample.blobId}/000001`;
    await changeRecords(fixture, async (db) => {
      for (const key of [segment, `b/${other.blobId}`]) {
        const value = await db.get(key);
        if (value === undefined) throw new TypeError(`${key} is not there`);
        await db.put(key, damage(value));
      }
    });
    const store = await fixture.open();
    t.equal(store.facts(other.blobId), undefined);
    await using blob = await store.blob(sample.blobId, size);
    t.strictSame([...blob.held], [{ start: 0, end: 2 * MIB }], 'other segments are there');
    t.equal(store.stats().recordsDamaged, 2);
    t.strictSame(
      fixture.events.map(({ kind }) => kind),
      ['damaged-record', 'damaged-record'],
    );
    t.ok(await put(blob, sample, 65 * MIB, 66 * MIB));
    await store.close();
    const second = await fixture.open();
    await using again = await second.blob(sample.blobId, size);
    t.equal(again.held.bytes, 3 * MIB);
    t.equal(second.stats().recordsDamaged, 0);
  });
}

t.test('a record of another blob, of another file or of no segment tells nothing', async (t) => {
  const fixture = await filled(t);
  await changeRecords(fixture, async (db) => {
    const value = await db.get(`s/${sample.blobId}/000001`);
    if (value === undefined) throw new TypeError('it is not there');
    await db.put(`s/${sample.blobId}/000000`, value);
    await db.put(`s/${other.blobId}/000000`, value);
    await db.put(`s/${sample.blobId}/ffffff`, value);
    await db.put('b/nonsense', value);
  });
  const store = await fixture.open();
  await using blob = await store.blob(sample.blobId, size);
  await using neighbour = await store.blob(other.blobId, other.bytes.length);
  t.strictSame([...blob.held], [{ start: 65 * MIB, end: 66 * MIB }]);
  t.equal(neighbour.held.count, 0);
});

t.test(
  'an index that does not open is made anew, one of another version is not touched',
  async (t) => {
    const fixture = await filled(t);
    const index = join(fixture.directory, 'index');
    for (const name of readdirSync(index)) {
      if (name.startsWith('MANIFEST')) writeFileSync(join(index, name), 'noise');
    }
    const store = await fixture.open();
    t.match(store.stats(), { recordsDamaged: 1, blobs: 0, bytes: 0, filesRemoved: 2 });
    await store.close();
    const again = await fixture.open();
    await put(await again.blob(sample.blobId, size), sample, 0, MIB);
    await again.close();
    // Whoever opens it moves its records from the log to a table: no block of it will be as it was.
    await changeRecords(fixture, async () => {});
    for (const name of readdirSync(index).filter((each) => each.endsWith('.ldb'))) {
      const bytes = readFileSync(join(index, name));
      writeFileSync(
        join(index, name),
        bytes.map((byte, at) => (at < bytes.length - 60 ? byte ^ 3 : byte)),
      );
    }
    const third = await fixture.open();
    t.match(third.stats(), { recordsDamaged: 1, blobs: 0, bytes: 0, filesRemoved: 1 });
    t.ok(await put(await third.blob(sample.blobId, size), sample, 0, MIB));
    await third.close();
    await changeRecords(fixture, (db) => db.put('version', Buffer.from('2')));
    await t.rejects(fixture.open(), { code: 'ERR_P2P_STORE_DIRECTORY' });
  },
);

t.test('a directory of somebody or something else is refused', async (t) => {
  const code = 'ERR_P2P_STORE_DIRECTORY';
  const cases: Record<string, (directory: string) => void> = {
    'other files': (directory) => {
      mkdirSync(directory, { mode: 0o700 });
      writeFileSync(join(directory, 'photos'), '');
    },
    'a file': (directory) => writeFileSync(directory, ''),
    'a link': (directory) => symlinkSync(temporaryDirectory(t), directory),
    'writable for others': (directory) => {
      mkdirSync(directory);
      chmodSync(directory, 0o777);
    },
    'a link inside': (directory) => {
      mkdirSync(directory, { mode: 0o700 });
      symlinkSync(temporaryDirectory(t), join(directory, 'blobs'));
    },
    'a link for a shard': (directory) => {
      mkdirSync(join(directory, 'blobs'), { recursive: true, mode: 0o700 });
      symlinkSync(temporaryDirectory(t), join(directory, 'blobs', 'ab'));
    },
  };
  for (const [what, make] of Object.entries(cases)) {
    const fixture = storeFixture(t);
    make(fixture.directory);
    await t.rejects(fixture.open(), { code }, what);
  }
});
