/** What one host, one address, or too many of them can make a tracker remember; and how often they may ask. */
import { createHash } from 'node:crypto';
import t from 'tap';
import { parseHostName } from '../src/identity/host.ts';
import { newPeerId } from '../src/identity/peer-id.ts';
import { swarmIdOf } from '../src/identity/swarm-id.ts';
import {
  KNOWN_BLOBS_MAX,
  REPOSITORIES_PER_BLOB_MAX,
  SWARMS_PER_HOST_MAX,
  TRACKER_HOSTS_MAX,
} from '../src/tracker/limits.ts';
import { KnownBlobs } from '../src/tracker/server/known-blobs.ts';
import { RequestRates } from '../src/tracker/server/request-rates.ts';
import { TrackedSwarms } from '../src/tracker/server/tracked-swarms.ts';
import { loadTokenKey, signToken } from '../src/trust/index.ts';
import {
  announcePath,
  ask,
  blobNamed,
  clientOf,
  makeScene,
  reportOf,
  urlOf,
} from './support/tracker-scene.ts';

const NOW_MS = 1_800_000_000_000;

function factsOf(host: string) {
  const place = { zone: 'a', rack: 'r', address: '10.0.0.1:1' };
  return { host: parseHostName(host), role: 'peer', ...place } as const;
}

function announceOf(host: ReturnType<TrackedSwarms['hosts']['see']>) {
  const place = { ip: '10.0.0.1', port: 1, isComplete: false, numwant: 0 };
  return { event: 'started', host, peerId: newPeerId(), ...place } as const;
}

t.test('swarms of one host, and hosts', async (t) => {
  const table = new TrackedSwarms({ publicRules: [], random: () => 0.5 });
  const host = table.hosts.see(factsOf('node-1'), NOW_MS);
  const enter = (number: number) => {
    const blob = table.blobs.learn({ blob: blobNamed(String(number)), repository: 'r/a' });
    const swarm = table.get(blob.swarmId) ?? table.create(blob.swarmId, blob);
    return table.announce(swarm, announceOf(host), NOW_MS);
  };
  for (let number = 0; number < SWARMS_PER_HOST_MAX; number += 1) enter(number);
  t.throws(() => enter(SWARMS_PER_HOST_MAX), { code: 'ERR_P2P_TRACKER_REQUEST', status: 429 });
  t.ok(enter(0), 'those it is in stay');
  t.equal(table.peerCount, SWARMS_PER_HOST_MAX);
  for (let number = 2; number <= TRACKER_HOSTS_MAX; number += 1) {
    table.hosts.see(factsOf(`node-${number}`), NOW_MS);
  }
  t.throws(() => table.hosts.see(factsOf('one-more'), NOW_MS), {
    code: 'ERR_P2P_TRACKER_REQUEST',
    status: 503,
  });
  t.ok(table.hosts.see(factsOf('node-1'), NOW_MS));
  table.sweep(NOW_MS + 61_000);
  t.same([table.hosts.size, table.peerCount, table.swarmCount], [0, 0, 0], 'all of it goes');
  t.ok(table.hosts.see(factsOf('one-more'), NOW_MS + 62_000));
});

t.test('known blobs', async (t) => {
  const blobs = new KnownBlobs(['r/public/*']);
  const idOf = (number: number) => createHash('sha256').update(String(number)).digest('hex');
  const infohash = 'ab'.repeat(20);
  const first = blobs.learn({ blob: idOf(0), repository: 'r/public/a', sizeBytes: 5, infohash });
  t.equal(blobs.publicTorrent(infohash), first);
  blobs.learn({ blob: idOf(1), repository: 'r/public/b', sizeBytes: 6, infohash });
  t.equal(blobs.publicTorrent(infohash), first, 'a torrent is of one blob');
  blobs.learn({ blob: idOf(0), repository: 'r/public/a', sizeBytes: 1 });
  t.equal(first.sizeBytes, 5, 'the first who says it is believed');
  for (let number = 0; number < 20; number += 1) {
    blobs.learn({ blob: idOf(0), repository: `r/x${number}` });
  }
  t.equal(first.repositories.size, REPOSITORIES_PER_BLOB_MAX);
  for (let number = 1; number <= KNOWN_BLOBS_MAX; number += 1) {
    blobs.learn({ blob: idOf(number), repository: 'r/a' });
  }
  t.equal(blobs.size, KNOWN_BLOBS_MAX);
  t.equal(
    blobs.publicTorrent(infohash),
    undefined,
    'the longest unheard of is forgotten, its torrent too',
  );
});

t.test('rates', async (t) => {
  const rates = new RequestRates({ burst: 3, perSecond: 2 });
  const take = (key: string, nowMs: number) => rates.take(key, nowMs);
  t.same(
    [0, 0, 0, 0].map((nowMs) => take('a', nowMs)),
    [true, true, true, false],
  );
  t.ok(take('b', 0), 'another one is not meant');
  t.notOk(take('a', 400));
  t.ok(take('a', 900));
  t.notOk(take('a', 100), 'a clock that is set back gives nothing');
  t.same(
    [10_000, 10_000, 10_000, 10_000].map((nowMs) => take('a', nowMs)),
    [true, true, true, false],
  );
});

t.test('a host that asks too often waits, the others do not', async (t) => {
  const scene = await makeScene(t);
  let nowMs = Date.now();
  const hostRate = { burst: 5, perSecond: 1 };
  const tracker = await scene.tracker({ hostRate, nowMs: () => nowMs });
  const { current: tls } = await scene.identity('node-1', 'peer');
  const statuses: number[] = [];
  for (let asked = 0; asked < 7; asked += 1) {
    statuses.push((await ask(`${urlOf(tracker)}/v1/hosts`, {}, tls)).status);
  }
  t.same(statuses, [200, 200, 200, 200, 200, 429, 429]);
  const other = clientOf(scene, await scene.identity('node-2', 'peer'), [tracker]);
  t.ok(await other.refreshHosts());
  nowMs += 1000;
  t.equal((await ask(`${urlOf(tracker)}/v1/hosts`, {}, tls)).status, 200);
});

t.test('a token makes the grant of its host narrower, never wider', async (t) => {
  const scene = await makeScene(t);
  const tracker = await scene.tracker();
  const { current: tls } = await scene.identity('node-1', 'peer');
  const key = await loadTokenKey(`${scene.ca}/token.key`);
  const host = parseHostName('node-1');
  const announce = async (repository: string, rules: readonly string[], nowMs = Date.now()) => {
    const { token } = signToken({ host, repositories: rules, nowMs, lifeMs: 60_000 }, key);
    const blob = blobNamed(repository);
    const rest = new URLSearchParams({ port: '1', left: '1', blob, repository, token });
    const path = announcePath(swarmIdOf(blob), newPeerId(), String(rest));
    return (await ask(urlOf(tracker) + path, {}, tls)).text;
  };
  t.match(await announce('registry.example/team/a', ['*']), /8:interval/);
  t.match(await announce('registry.example/team/a', ['registry.example/team/a']), /8:interval/);
  t.match(await announce('registry.example/team/b', ['registry.example/team/a']), /unknown swarm/);
  t.match(await announce('registry.example/other', ['*']), /unknown swarm/);
  const late = await announce('registry.example/team/a', ['*'], Date.now() - 200_000);
  t.match(late, /a token expired 1[0-9]{2} s ago/);
});

t.test('a host that is told to report is one host, whatever it says of its place', async (t) => {
  const scene = await makeScene(t);
  const tracker = await scene.tracker();
  const client = clientOf(scene, await scene.identity('node-1', 'peer'), [tracker]);
  for (const zone of ['a', 'b', 'a']) await client.report(reportOf({ zone }));
  await client.refreshHosts();
  t.match(client.hosts(), [{ host: 'node-1', zone: 'a' }]);
  t.equal(client.hosts().length, 1);
});
