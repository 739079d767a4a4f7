/**
 * The rule for going back to an older Shoal (docs/release.md): it refuses what a newer one wrote, in
 * a sentence, and changes nothing; the newer one goes on with it.
 */
import { join } from 'node:path';
import { requireMounts, temporaryDirectory } from '@shoal/test-kit';
import { Level } from 'level';
import t, { type Test } from 'tap';
import { startSnapshotter } from '../support/own-snapshotter.ts';
import { tryShoal } from '../support/shoal-command.ts';

/** The databases below ROOT, and the key that has each one's version. */
const DATABASES = [
  { name: 'state', key: 'meta/schema' },
  { name: 'snapshotter', key: 'version' },
] as const;

for (const { name, key } of DATABASES) {
  t.test(`ROOT/${name} of a newer Shoal`, async (t) => {
    if (!requireMounts(t)) return;
    const directory = temporaryDirectory(t);
    const snapshotter = await startSnapshotter(t, { directory });
    await snapshotter.stop();
    const database = join(snapshotter.root, name);
    const known = await exchangeVersion(t, database, key, (version) => version + 1);
    const before = await entries(database);
    const refused = await tryShoal(['snapshotter'], { env: snapshotter.env });
    t.not(refused.exitCode, 0);
    t.match(refused.stderr, new RegExp(`newer Shoal wrote the state in ${database}`));
    t.match(refused.stderr, `version ${known + 1}, this one knows ${known}`);
    t.match(refused.stderr, 'Use the version of Shoal that wrote it');
    t.same(await entries(database), before, 'nothing was changed');
    await exchangeVersion(t, database, key, () => known);
    await snapshotter.start();
  });
}

/** Writes another version; returns what was there. */
async function exchangeVersion(
  t: Test,
  directory: string,
  key: string,
  change: (version: number) => number,
): Promise<number> {
  await using database = new Level<string, string>(directory);
  const version = Number(await database.get(key));
  t.ok(version >= 1, `${directory} has a version`);
  await database.put(key, String(change(version)));
  return version;
}

async function entries(directory: string): Promise<[string, string][]> {
  await using database = new Level<string, string>(directory);
  return await database.iterator().all();
}
