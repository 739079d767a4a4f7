/** Records that were damaged: refused with clear words, repaired, and no file of a snapshot lost. */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { temporaryDirectory } from '@shoal/test-kit';
import { Level } from 'level';
import t from 'tap';
import { silentLog } from '../src/service-log.ts';
import { SnapshotDatabase } from '../src/snapshots/snapshot-database.ts';
import { repairSnapshots } from '../src/snapshots/snapshot-recovery.ts';
import { lockDirectory } from '../src/state/directory-lock.ts';
import { snapshotFixture } from './support/snapshot-fixture.ts';

type Tap = Parameters<typeof temporaryDirectory>[0];

const DAMAGED = { code: 'ERR_SNAPSHOTTER_STATE_DAMAGED', remedy: /shoal snapshotter --repair/ };
const NAMES = ['A', 'B', 'C', 'top'];

/** A closed state of three layers and a container, each with a file. */
async function closedState(t: Tap): Promise<string> {
  const fixture = await snapshotFixture(t);
  let parent: string | undefined;
  for (const name of NAMES) {
    const [mount] = await fixture.prepare(`${name}-key`, parent);
    const options = mount?.options ?? [];
    const upper = options.find((option) => option.startsWith('upperdir='))?.slice(9);
    writeFileSync(join(upper ?? mount?.source ?? '', 'file'), name);
    if (name !== 'top') await fixture.commit(name, `${name}-key`);
    parent = name;
  }
  await fixture.prepare('gone');
  await fixture.service.remove('gone');
  await fixture.service.close();
  return fixture.root;
}

const filesOf = (root: string) =>
  readdirSync(join(root, 'snapshots'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'))
    .toSorted();

const databaseFiles = (root: string, ending: RegExp) =>
  readdirSync(join(root, 'snapshotter'))
    .filter((name) => ending.test(name))
    .map((name) => join(root, 'snapshotter', name));

async function edit(root: string, change: (db: Level) => Promise<void>): Promise<void> {
  const db = new Level(join(root, 'snapshotter'));
  await change(db);
  await db.close();
}

async function changeBytes(root: string, ending: RegExp): Promise<void> {
  for (const file of databaseFiles(root, ending)) {
    const bytes = readFileSync(file);
    for (let at = 16; at < bytes.length; at += 64) bytes[at] = (bytes[at] ?? 0) ^ 0x55;
    writeFileSync(file, bytes);
  }
}

const DAMAGES: Readonly<Record<string, (root: string) => Promise<void>>> = {
  'all of it is gone': async (root) => rmSync(join(root, 'snapshotter'), { recursive: true }),
  'the manifest is garbage': (root) => changeBytes(root, /^MANIFEST/),
  'the log is garbage': (root) => changeBytes(root, /\.log$/),
  'the log is cut': async (root) => {
    for (const file of databaseFiles(root, /\.log$/)) {
      const bytes = readFileSync(file);
      writeFileSync(file, bytes.subarray(0, bytes.length / 2));
    }
  },
  'the table is garbage': async (root) => {
    await edit(root, (db) => db.open());
    await changeBytes(root, /\.ldb$/);
  },
  'CURRENT is gone': async (root) => {
    await edit(root, (db) => db.open());
    rmSync(join(root, 'snapshotter', 'CURRENT'));
  },
  'one bit of a record has changed': (root) =>
    edit(root, async (db) => {
      const text = (await db.get('snapshot/B')) ?? '';
      await db.put('snapshot/B', text.replace('committed', 'committee'));
    }),
  'a record is gone': (root) => edit(root, (db) => db.del('snapshot/C')),
  'a record has another name': (root) =>
    edit(root, async (db) => {
      await db.put('snapshot/X', (await db.get('snapshot/C')) ?? '');
      await db.del('snapshot/C');
    }),
  'a link is gone': (root) =>
    edit(root, async (db) => {
      const [key = ''] = await db.keys({ gte: 'child/', lt: 'child0' }).all();
      await db.del(key);
    }),
  'the count is wrong': (root) => edit(root, (db) => db.put('count', '9')),
  'the sequence is behind': (root) => edit(root, (db) => db.put('sequence', '2')),
};

for (const [name, damage] of Object.entries(DAMAGES)) {
  t.test(name, async (t) => {
    const root = await closedState(t);
    const files = filesOf(root);
    t.same(files, NAMES);
    await damage(root);
    await t.rejects(snapshotFixture(t, undefined, root), DAMAGED);
    t.same(filesOf(root), files, 'a refused start deletes nothing');
    const report = await repairSnapshots(root, silentLog);
    t.ok(existsSync(report.copy), 'the state as it was is kept');
    const fixture = await snapshotFixture(t, undefined, root);
    await fixture.service.cleanup();
    t.same(filesOf(root), files, 'no file of a snapshot is lost');
    const snapshots = await fixture.list();
    t.equal(snapshots.length, report.snapshots);
    t.equal(snapshots.length + report.setAside.length, NAMES.length, JSON.stringify(report));
    await fixture.layer('new');
    t.ok((await fixture.service.stat('new')).id > 4, 'no id is given twice');
  });
}

t.test('a table that is lost is a problem of the report', async (t) => {
  const root = await closedState(t);
  await edit(root, (db) => db.open());
  for (const file of databaseFiles(root, /\.ldb$/)) writeFileSync(file, 'garbage');
  const { problems } = await repairSnapshots(root, silentLog);
  t.match(problems[0], /^the table \d+\.ldb is lost: its footer is wrong$/);
});

t.test(
  'no id is given twice when the sequence is lost and a directory is still to be deleted',
  async (t) => {
    const root = await closedState(t);
    await edit(root, async (db) => {
      await db.del('sequence');
      await db.put('removed/0000000000000007', '');
    });
    await repairSnapshots(root, silentLog);
    const fixture = await snapshotFixture(t, undefined, root);
    await fixture.layer('new');
    t.ok((await fixture.service.stat('new')).id > 7);
  },
);

t.test('a daemon that starts while the state is repaired is refused', async (t) => {
  const root = await closedState(t);
  const isCopied = () => readdirSync(root).some((name) => name.includes('.damaged-'));
  let isDone = false;
  const repair = repairSnapshots(root, silentLog).finally(() => {
    isDone = true;
  });
  while (!isCopied()) await setImmediate();
  await t.rejects(SnapshotDatabase.open(root), { code: 'ERR_SNAPSHOTTER_STATE_LOCKED' });
  t.notOk(isDone);
  t.equal((await repair).snapshots, NAMES.length);
  const lock = await lockDirectory(join(root, 'snapshotter'));
  t.ok(lock, 'it is free again');
  await t.rejects(SnapshotDatabase.open(root), { code: 'ERR_SNAPSHOTTER_STATE_LOCKED' });
  await t.rejects(repairSnapshots(root, silentLog), { code: 'ERR_SNAPSHOTTER_STATE_LOCKED' });
  await lock?.[Symbol.asyncDispose]();
  await using database = await SnapshotDatabase.open(root);
  t.equal(await database.read((db) => db.get('count')), String(NAMES.length));
});

t.test('a daemon that runs is not repaired under its hands', async (t) => {
  const fixture = await snapshotFixture(t);
  await fixture.layer('A');
  const repair = repairSnapshots(fixture.root, silentLog);
  await t.rejects(repair, { code: 'ERR_SNAPSHOTTER_STATE_LOCKED' });
  t.equal((await fixture.list()).length, 1);
});
