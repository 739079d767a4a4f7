/**
 * The wall clock of a running daemon jumps by days, forwards and back, between reads from a registry
 * with tokens that end after seconds: readers notice nothing, snapshots keep their order, and no blob
 * is collected because it looks old. Debian's libfaketime sets the clock of the daemon alone.
 */
import { globSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { convertImage } from '@shoal/converter';
import { parseReference } from '@shoal/oci';
import { StaticCredentials } from '@shoal/registry-client';
import {
  requireMounts,
  requireTool,
  startDockerRegistry,
  temporaryDirectory,
  until,
} from '@shoal/test-kit';
import t from 'tap';
import { TestClient } from '../../packages/snapshotter/test/support/snapshots-client.ts';
import {
  digestBySha256sum,
  digestOfFile,
  mountWorld,
  writeFiles,
} from '../support/mounted-image.ts';

t.setTimeout(300_000);

const DAY_SECONDS = 86_400;
/** Offsets of the daemon's clock, one after the other. */
const JUMPS = [10, -10, 0, -400, 400];
const TOKEN_SECONDS = 6;
const FILES = Object.fromEntries(
  Array.from({ length: 2 * JUMPS.length + 2 }, (_, at) => [`file-${at}`, 300_000] as const),
);

t.test('a clock that jumps', async (t) => {
  if (!requireMounts(t) || !requireTool(t, 'docker-registry', 'openssl', 'faketime')) return;
  const files = temporaryDirectory(t);
  const registry = await startDockerRegistry(t, {
    token: { users: { ann: 'secret' }, noAnonymous: true, lifetimeSeconds: TOKEN_SECONDS },
  });
  const configFile = join(files, 'config.toml');
  writeFileSync(
    configFile,
    `[cache]\nhigh_percent = 100\nunused_days_max = 5\n[registries]\n"${registry.host}" = { username = "ann", password = "secret" }\n`,
  );
  const world = mountWorld(t, { configFile });
  const source = join(world.directory, 'source');
  writeFiles(source, FILES);
  const push = (name: string, chunkSizeBytes: number) =>
    convertImage({
      source: parseReference(`dir:${source}`),
      target: parseReference(`${registry.host}/team/${name}:v1`),
      client: { plainHttp: true, credentialSources: [credentialsFor(registry.host)] },
      chunkSizeBytes,
    });
  await push('image', 0x10000);
  await push('unused', 0x20000);
  const clock = join(files, 'clock');
  await startWithClock(clock, () => world.start());
  const mountpoint = world.mountpoint('m');
  await world.mount({ reference: `${registry.host}/team/image:v1`, mountpoint });
  const other = { reference: `${registry.host}/team/unused:v1`, mountpoint: world.mountpoint('u') };
  const client = new TestClient(join(world.daemon.run, 'snapshotter.sock'));
  t.teardown(() => client.close());
  await client.prepare({ key: 'kept' });
  let updated = 0;
  for (const [at, days] of JUMPS.entries()) {
    // One that is released before the jump looks older or younger than it is.
    await world.mount(other);
    await digestBySha256sum(join(other.mountpoint, 'file-0'));
    await world.client.unmount({ mountpoint: other.mountpoint });
    writeFileSync(clock, `${days >= 0 ? '+' : '-'}${Math.abs(days)}d`);
    await sleep((TOKEN_SECONDS + 1) * 1000);
    await client.prepare({ key: `snapshot-${at}` });
    const { createdAt } = (await client.stat(`snapshot-${at}`)) ?? {};
    const ahead = ((createdAt?.seconds ?? 0) - Date.now() / 1000) / DAY_SECONDS;
    t.equal(Math.round(ahead), days, `the daemon's clock is ${days} days off`);
    const info = await client.update({ info: { name: 'kept', labels: new Map([['n', `${at}`]]) } });
    const now = (info?.updatedAt?.seconds ?? 0) * 1e6 + (info?.updatedAt?.nanos ?? 0) / 1000;
    t.ok(now > updated, 'an update is later than the one before');
    updated = now;
    for (const number of [2 * at + 1, 2 * at]) {
      const name = `file-${Object.keys(FILES).length - 1 - number}`;
      const digest = await digestBySha256sum(join(mountpoint, name));
      t.equal(digest, digestOfFile(join(source, name)), `${name}, ${days} days off`);
    }
    const [cache] = await world.client.collectCaches({ isDryRun: true });
    t.ok((cache?.unusedBytes ?? 0) > 0);
    t.same(cache?.blobs, [], 'nothing looks too old');
  }
  t.match(await world.status(), { mounts: { length: 1 }, problems: [] });
  await until('all snapshots are listed', async () => {
    return (await client.list()).length === JUMPS.length + 1;
  });
});

function credentialsFor(host: string): StaticCredentials {
  const ann = { kind: 'password', username: 'ann', password: 'secret' } as const;
  return new StaticCredentials(new Map([[host, ann]]));
}

/** What is started meanwhile reads its clock's offset from the file, each time anew. */
async function startWithClock(file: string, start: () => Promise<unknown>): Promise<void> {
  writeFileSync(file, '+0d');
  const [library] = globSync('/usr/lib/*/faketime/libfaketimeMT.so.1');
  if (library === undefined) throw new Error('faketime has no library');
  const settings = {
    LD_PRELOAD: library,
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_NO_CACHE: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
    DONT_FAKE_MONOTONIC: '1',
    NO_FAKE_STAT: '1',
  };
  Object.assign(process.env, settings);
  try {
    await start();
  } finally {
    for (const name of Object.keys(settings)) delete process.env[name];
  }
}
