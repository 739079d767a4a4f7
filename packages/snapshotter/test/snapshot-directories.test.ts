/** The directories of snapshots: whose they are, what lies in them, and what is swept away. */
import { chmodSync, chownSync, existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { requireRoot } from '@shoal/test-kit';
import t from 'tap';
import { snapshotFixture } from './support/snapshot-fixture.ts';

const REQUEST = { code: 'ERR_SNAPSHOTTER_SNAPSHOT_REQUEST' };

t.test('the directory of a removed snapshot goes, leftovers of a crash too', async (t) => {
  const fixture = await snapshotFixture(t);
  await fixture.layer('A');
  await fixture.prepare('b', 'A');
  await fixture.service.remove('b');
  t.notOk(fixture.directories().includes('2'), 'it has left its place at once');
  await fixture.service.cleanup();
  t.same(fixture.directories(), ['1']);
  for (const name of ['7', 'removed-9-00000000', 'not-ours', '07']) {
    mkdirSync(join(fixture.root, 'snapshots', name, 'fs'), { recursive: true });
  }
  await fixture.service.cleanup();
  t.same(fixture.directories().toSorted(), ['07', '1', 'not-ours']);
  mkdirSync(join(fixture.root, 'snapshots', '3', 'fs', 'precious'), { recursive: true });
  await t.rejects(fixture.prepare('c', 'A'), { code: 'ERR_SNAPSHOTTER_SNAPSHOT_DIRECTORY' });
  await fixture.service.cleanup();
  t.ok(fixture.directories().includes('3'), 'files that nobody removed stay');
  await fixture.prepare('c', 'A');
  t.equal((await fixture.service.stat('c')).id, 4);
});

t.test('cleanup leaves what is being made', async (t) => {
  const fixture = await snapshotFixture(t);
  await fixture.layer('A');
  const made = Promise.all(Array.from({ length: 40 }, (_, n) => fixture.prepare(`c${n}`, 'A')));
  const swept = (async () => {
    for (let round = 0; round < 20; round += 1) {
      await fixture.service.cleanup();
      await sleep(1);
    }
  })();
  await Promise.all([made, swept]);
  for (const mounts of await made) {
    const upper = mounts[0]?.options.find((option) => option.startsWith('upperdir='))?.slice(9);
    t.ok(existsSync(upper ?? ''), upper ?? 'no upper directory');
  }
});

t.test('the top directory is as that of the parent, or as the id mapping says', async (t) => {
  if (!requireRoot(t)) return;
  const fixture = await snapshotFixture(t);
  const facts = async (key: string) => {
    const { id } = await fixture.service.stat(key);
    const { mode, uid, gid } = statSync(join(fixture.root, 'snapshots', String(id), 'fs'));
    return { mode: (mode & 0o7777).toString(8), uid, gid };
  };
  const [mount] = await fixture.prepare('a');
  t.same(await facts('a'), { mode: '755', uid: 0, gid: 0 });
  chownSync(mount?.source ?? '', 1000, 1001);
  chmodSync(mount?.source ?? '', 0o1770);
  await fixture.commit('A', 'a');
  await fixture.prepare('b', 'A');
  t.same(await facts('b'), { mode: '1770', uid: 1000, gid: 1001 });
  const mapping = {
    'containerd.io/snapshot/uidmapping': '0:100000:65536',
    'containerd.io/snapshot/gidmapping': '1:1:1,0:200000:65536',
  };
  const [mapped] = await fixture.prepare('m', 'A', mapping);
  t.same(await facts('m'), { mode: '1770', uid: 100000, gid: 200000 });
  t.same(mapped?.options.slice(0, 2), ['uidmap=0:100000:65536', 'gidmap=1:1:1,0:200000:65536']);
  t.equal((await fixture.service.mounts('m'))[0]?.options[0], 'uidmap=0:100000:65536');
  await fixture.commit('M', 'm');
  const [again] = await fixture.prepare('n', 'M', mapping);
  t.match(again?.options[0], /^workdir=/, 'owners that were changed already are not mapped again');
  for (const wrong of ['', '1:2', '0:1:0', '5:0:10', 'a:b:c', '-1:0:1', '0:4294967295:1']) {
    const labels = { 'containerd.io/snapshot/uidmapping': wrong };
    if (wrong !== '') await t.rejects(fixture.prepare('w', 'A', labels), REQUEST, wrong);
  }
  t.same(await fixture.list('name==w'), []);
});

t.test('usage counts files once, and is kept at commit', async (t) => {
  const fixture = await snapshotFixture(t);
  const [mount] = await fixture.prepare('a');
  const layer = mount?.source ?? '';
  mkdirSync(join(layer, 'd'));
  writeFileSync(join(layer, 'd', 'f'), Buffer.alloc(20_000, 1));
  const { size, inodes } = await fixture.service.usage('a');
  t.equal(inodes, 3);
  t.ok(size >= 20_000 && size < 60_000, `${size} bytes`);
  await fixture.commit('A', 'a');
  t.same(await fixture.service.usage('A'), { size, inodes });
  await fixture.view('v', 'A');
  t.same(await fixture.service.usage('v'), { size: 0, inodes: 0 });
});
