/** The ten operations on a real database and real directories, with containerd's rules. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Level } from 'level';
import t from 'tap';
import { type SnapshotFixture, snapshotFixture } from './support/snapshot-fixture.ts';

const MISSING = { code: 'ERR_SNAPSHOTTER_SNAPSHOT_NOT_FOUND' };
const EXISTS = { code: 'ERR_SNAPSHOTTER_SNAPSHOT_EXISTS' };
const STATE = { code: 'ERR_SNAPSHOTTER_SNAPSHOT_STATE' };
const REQUEST = { code: 'ERR_SNAPSHOTTER_SNAPSHOT_REQUEST' };

const names = async (fixture: SnapshotFixture, ...filters: string[]) =>
  (await fixture.list(...filters)).map(({ name }) => name).toSorted();

t.test('layers are stacked as overlayfs wants them', async (t) => {
  const fixture = await snapshotFixture(t);
  const at = (id: number, part = 'fs') => join(fixture.root, 'snapshots', String(id), part);
  const [first] = await fixture.prepare('a');
  t.same(first, { type: 'bind', source: at(1), options: ['rw', 'rbind'] });
  t.same(await fixture.service.mounts('a'), [first]);
  await fixture.commit('A', 'a');
  const [second] = await fixture.prepare('b', 'A');
  const options = [`workdir=${at(2, 'work')}`, `upperdir=${at(2)}`, `lowerdir=${at(1)}`];
  t.match(second, { type: 'overlay', source: 'overlay' });
  t.same(second?.options.slice(0, 3), options);
  await fixture.commit('B', 'b');
  t.same(await fixture.view('va', 'A'), [
    { type: 'bind', source: at(1), options: ['ro', 'rbind'] },
  ]);
  const [view] = await fixture.view('vb', 'B');
  t.equal(view?.type, 'overlay');
  t.equal(view?.options[0], `lowerdir=${at(2)}:${at(1)}`);
  t.same((await fixture.view('v'))[0]?.options, ['ro', 'rbind']);
  t.same(await fixture.service.mounts('vb'), [view]);
  t.ok(existsSync(at(4)));
  t.notOk(existsSync(at(4, 'work')), 'nobody writes above a view');
});

t.test('what is not there, what is there already, what has the wrong kind', async (t) => {
  const fixture = await snapshotFixture(t);
  const { service } = fixture;
  await fixture.layer('A');
  await fixture.prepare('active', 'A');
  await fixture.view('view', 'A');
  await t.rejects(fixture.prepare('x', 'none'), MISSING);
  await t.rejects(fixture.prepare('x', 'active'), REQUEST, 'the parent is not committed');
  await t.rejects(fixture.view('x', 'view'), REQUEST);
  for (const key of ['active', 'view', 'A']) {
    await t.rejects(fixture.prepare(key), EXISTS);
    await t.rejects(fixture.view(key, 'A'), EXISTS);
  }
  await t.rejects(service.mounts('A'), STATE);
  await t.rejects(service.mounts('none'), MISSING);
  await t.rejects(service.stat('none'), MISSING);
  await t.rejects(service.usage('none'), MISSING);
  await t.rejects(service.remove('none'), MISSING);
  await t.rejects(service.update({ name: 'none', labels: {}, fields: [] }), MISSING);
  await t.rejects(fixture.commit('B', 'none'), MISSING);
  await t.rejects(fixture.commit('B', 'view'), STATE, 'a view is not committed');
  await t.rejects(fixture.commit('B', 'A'), STATE);
  await t.rejects(fixture.commit('A', 'active'), EXISTS);
  await t.rejects(service.remove('A'), STATE, 'it has children');
  t.same(await names(fixture), ['A', 'active', 'view'], 'nothing of this has changed anything');
  await service.remove('active');
  await service.remove('view');
  await service.remove('A');
  t.same(await names(fixture), []);
});

t.test('a commit gives its own labels, new times, and frees the key', async (t) => {
  const fixture = await snapshotFixture(t);
  await fixture.prepare('a', undefined, { kept: 'no', empty: '' });
  const active = await fixture.service.stat('a');
  t.match(active, { kind: 'active', parent: undefined, labels: { kept: 'no' } });
  t.notOk('empty' in active.labels, 'an empty value is no label');
  await fixture.commit('A', 'a', { labels: { other: 'yes' } });
  const committed = await fixture.service.stat('A');
  t.same(committed.labels, { other: 'yes' });
  t.equal(committed.id, active.id);
  t.ok(committed.createdMicros > active.createdMicros);
  await t.rejects(fixture.service.stat('a'), MISSING);
  await fixture.prepare('a', 'A');
});

t.test('the parent at commit is a rebase, never a change', async (t) => {
  const fixture = await snapshotFixture(t);
  await fixture.layer('A');
  await fixture.layer('B', 'A');
  for (const key of ['free', 'lost', 'onto-active']) await fixture.prepare(key);
  for (const key of ['same', 'other', 'open']) await fixture.prepare(key, 'A');
  await t.rejects(fixture.commit('x', 'other', { parent: 'B' }), REQUEST);
  await t.rejects(fixture.commit('x', 'lost', { parent: 'none' }), MISSING);
  await t.rejects(fixture.commit('x', 'lost', { parent: 'x' }), MISSING, 'not its own parent');
  await t.rejects(fixture.commit('x', 'onto-active', { parent: 'same' }), STATE);
  await fixture.commit('Same', 'same', { parent: 'A' });
  await fixture.commit('Free', 'free', { parent: 'B' });
  t.equal((await fixture.service.stat('Free')).parent, 'B');
  t.same(await names(fixture, 'parent==B'), ['Free']);
  await t.rejects(fixture.service.remove('B'), STATE, 'the rebased one is its child');
  const [mount] = await fixture.view('v', 'Free');
  t.equal(mount?.options[0]?.split(':').length, 3);
});

t.test('labels change, nothing else does', async (t) => {
  const fixture = await snapshotFixture(t);
  const { service } = fixture;
  await fixture.layer('A', undefined, { a: '1', b: '2' });
  const before = await service.stat('A');
  const update = (labels: Record<string, string>, ...fields: string[]) =>
    service.update({ name: 'A', labels, fields });
  t.same((await update({ b: '3', c: '4' }, 'labels.b')).labels, { a: '1', b: '3' });
  t.same(
    (await update({}, 'labels.a')).labels,
    { b: '3' },
    'a field without a value is taken away',
  );
  t.same((await update({ 'x.y/z': '5' }, 'labels.x.y/z')).labels, { b: '3', 'x.y/z': '5' });
  t.same((await update({ d: '6' }, 'labels')).labels, { d: '6' });
  const after = await update({ e: '7' });
  t.same(after.labels, { e: '7' });
  t.equal(after.createdMicros, before.createdMicros);
  t.ok(after.updatedMicros > before.updatedMicros);
  for (const field of ['name', 'parent', 'kind', 'created_at', '', 'label']) {
    await t.rejects(update({ e: '8' }, field), REQUEST, field);
  }
  t.same((await service.stat('A')).labels, { e: '7' });
});

t.test('everything is there after a restart, ids go on', async (t) => {
  const fixture = await snapshotFixture(t);
  await fixture.layer('A', undefined, { x: 'y' });
  await fixture.prepare('b', 'A');
  await fixture.view('v', 'A');
  await fixture.service.remove('v');
  const before = await fixture.list();
  const mounts = await fixture.service.mounts('b');
  const again = await fixture.reopened();
  t.same(await again.list(), before);
  t.same(await again.service.mounts('b'), mounts);
  await again.prepare('c', 'A');
  t.equal((await again.service.stat('c')).id, 4, 'the id of a removed one is not given again');
});

t.test('lists are found by name, parent and wanted chain id', async (t) => {
  const fixture = await snapshotFixture(t);
  const target = 'containerd.io/snapshot.ref';
  await fixture.layer('A', undefined, { [target]: 'sha256:a' });
  await fixture.layer('B', 'A', { [target]: 'sha256:b' });
  await fixture.layer('A/x', 'A');
  t.same(await names(fixture), ['A', 'A/x', 'B']);
  t.same(await names(fixture, 'name==A'), ['A']);
  t.same(await names(fixture, 'parent==A'), ['A/x', 'B']);
  t.same(await names(fixture, 'parent==""'), ['A']);
  t.same(await names(fixture, 'parent==none'), []);
  t.same(await names(fixture, `labels."${target}"=="sha256:b",parent=="A"`), ['B']);
  t.same(await names(fixture, `labels."${target}"=="sha256:b",parent=="B"`), []);
  t.same(await names(fixture, `labels."${target}"==sha256:a`, 'name==B'), ['A', 'B']);
  await fixture.service.update({ name: 'B', labels: { [target]: 'sha256:c' }, fields: [] });
  t.same(await names(fixture, `labels."${target}"=="sha256:b"`), []);
  t.same(await names(fixture, `labels."${target}"=="sha256:c"`), ['B']);
  await fixture.service.remove('B');
  t.same(await names(fixture, `labels."${target}"=="sha256:c"`), []);
});

t.test('absurd requests are refused and leave nothing', async (t) => {
  const fixture = await snapshotFixture(t);
  await fixture.layer('A');
  const many = Object.fromEntries(Array.from({ length: 600 }, (_, n) => [`l${n}`, 'x']));
  const wide = Object.fromEntries(
    Array.from({ length: 100 }, (_, n) => [`l${n}`, 'x'.repeat(4000)]),
  );
  for (const labels of [{ x: 'y'.repeat(4096) }, { '': 'x' }, many, wide]) {
    await t.rejects(fixture.prepare('x', 'A', labels), REQUEST);
    await t.rejects(fixture.view('x', 'A', labels), REQUEST);
    await t.rejects(fixture.service.update({ name: 'A', labels, fields: [] }), REQUEST);
  }
  for (const name of ['', 'x'.repeat(5000), 'zero\0byte']) {
    await t.rejects(fixture.prepare(name), REQUEST);
    await t.rejects(fixture.commit(name, 'A'), REQUEST);
  }
  for (const name of ['../../etc', '/etc/passwd', '.', '..', 'a/../b', '__proto__', 'child/1/2']) {
    await fixture.layer(name, undefined, { ['__proto__']: 'x', constructor: 'y' });
    t.same(Object.entries((await fixture.service.stat(name)).labels), [
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ]);
  }
  t.ok(
    fixture.directories().every((name) => /^(\d+|removed-.*)$/.test(name)),
    'names name no files',
  );
  t.equal((await fixture.list()).length, 8);
});

t.test('128 layers: the options say each once', async (t) => {
  const fixture = await snapshotFixture(t);
  for (let layer = 1; layer <= 128; layer += 1) {
    await fixture.layer(`L${layer}`, layer === 1 ? undefined : `L${layer - 1}`);
  }
  const [mount] = await fixture.prepare('top', 'L128');
  const lower = mount?.options.find((option) => option.startsWith('lowerdir=')) ?? '';
  t.equal(lower.split(':').length, 128);
  t.ok(lower.startsWith(`lowerdir=${fixture.root}/snapshots/128/fs:`), 'nearest first');
});

t.test('a second service of the same root is refused, a newer layout too', async (t) => {
  const fixture = await snapshotFixture(t);
  const second = snapshotFixture(t, undefined, fixture.root);
  await t.rejects(second, { code: 'ERR_SNAPSHOTTER_STATE_LOCKED' });
  await fixture.service.close();
  const db = new Level(join(fixture.root, 'snapshotter'));
  for (const [version, refusal] of [
    ['2', { code: 'ERR_SNAPSHOTTER_STATE_NEWER', message: /version 2, this one knows 1/ }],
    ['x', { code: 'ERR_SNAPSHOTTER_STATE_DAMAGED', message: /"x" is not a version/ }],
  ] as const) {
    await db.open();
    await db.put('version', version);
    await db.close();
    const opened = snapshotFixture(t, undefined, fixture.root);
    await t.rejects(opened, refusal);
  }
});
