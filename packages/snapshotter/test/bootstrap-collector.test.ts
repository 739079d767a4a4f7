/** Stored bootstraps: those in use stay, of the others the ones used last, for a while. */
import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { BootstrapCollector } from '../src/bootstraps/bootstrap-collector.ts';
import { BOOTSTRAPS_UNUSED_MAX, BOOTSTRAPS_UNUSED_MS_MAX } from '../src/limits.ts';
import { silentLog } from '../src/service-log.ts';
import { StateStore } from '../src/state/state-store.ts';

const digestAt = (at: number) => `sha256:${at.toString(16).padStart(64, '0')}`;
const VERIFIED = {
  walkVersion: 1,
  sizeBytes: 1,
  fileDigest: 'ab'.repeat(32),
  inodes: 1,
  blobIds: [],
};

async function prepared(t: Parameters<typeof temporaryDirectory>[0]) {
  const root = temporaryDirectory(t);
  const images = join(root, 'images');
  const state = await StateStore.open(root);
  t.teardown(() => state.close());
  const collector = new BootstrapCollector(root, state, silentLog);
  const path = (at: number) => join(images, digestAt(at).slice(7));
  const store = async (at: number, usedAt: Date) => {
    mkdirSync(path(at), { recursive: true });
    writeFileSync(join(path(at), 'image.boot'), 'bootstrap');
    utimesSync(path(at), usedAt, usedAt);
    await state.putVerified(digestAt(at), VERIFIED);
  };
  return { collector, images, path, state, store };
}

t.test('what was used last stays, up to a number', async (t) => {
  const { collector, images, path, state, store } = await prepared(t);
  const now = Date.now();
  const many = BOOTSTRAPS_UNUSED_MAX + 6;
  // Number 0 was used last.
  for (let at = 0; at < many; at += 1) await store(at, new Date(now - at * 1000));
  const drop = collector.hold(digestAt(many - 1));
  utimesSync(path(many - 1), new Date(now - 1e9), new Date(now - 1e9));
  mkdirSync(join(images, '.gone-0123456789abcdef'));
  await collector.collect([digestAt(many - 2)]);
  t.ok(existsSync(path(many - 1)), 'a plan uses it');
  t.ok(existsSync(path(many - 2)), 'a record speaks of it');
  t.ok(existsSync(path(0)));
  t.ok(existsSync(path(BOOTSTRAPS_UNUSED_MAX - 1)));
  t.notOk(existsSync(path(BOOTSTRAPS_UNUSED_MAX)));
  t.equal(readdirSync(images).length, BOOTSTRAPS_UNUSED_MAX + 2);
  t.equal(await state.readVerified(digestAt(BOOTSTRAPS_UNUSED_MAX)), undefined, 'and its walk');
  t.same(await state.readVerified(digestAt(0)), VERIFIED);
  drop();
  drop();
  await collector.collect();
  t.ok(existsSync(path(many - 1)), 'just used');
  t.notOk(existsSync(path(many - 2)));
  t.equal(readdirSync(images).length, BOOTSTRAPS_UNUSED_MAX);
});

t.test('what nobody has used for long goes', async (t) => {
  const { collector, path, store } = await prepared(t);
  await store(1, new Date(Date.now() - BOOTSTRAPS_UNUSED_MS_MAX - 60_000));
  await store(2, new Date(Date.now() - BOOTSTRAPS_UNUSED_MS_MAX + 60_000));
  await collector.collect();
  t.notOk(existsSync(path(1)));
  t.ok(existsSync(path(2)));
  const drop = collector.hold(digestAt(3));
  drop();
  await collector.close();
});
