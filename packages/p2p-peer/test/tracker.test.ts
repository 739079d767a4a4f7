/** A tracker and its clients, over real TLS: who is introduced to whom, who is refused. */
import t from 'tap';
import { parseHostName } from '../src/identity/host.ts';
import { newPeerId } from '../src/identity/peer-id.ts';
import { swarmIdOf } from '../src/identity/swarm-id.ts';
import type { AnnounceEvent } from '../src/tracker/client/announce-text.ts';
import { verifyToken } from '../src/trust/index.ts';
import {
  ADMIN_TOKEN,
  ask,
  blobNamed,
  clientOf,
  makeScene,
  pageOf,
  REPOSITORY,
  reportOf,
  urlOf,
} from './support/tracker-scene.ts';

const BLOB = blobNamed('one');
const INTERVALS_MS = 60_000;

function announceOf(
  event: AnnounceEvent,
  changes: { repository?: string; bytesLeft?: number } = {},
) {
  const { repository = REPOSITORY, bytesLeft = 100 } = changes;
  const blob = { blobId: BLOB, repository };
  return { swarmId: swarmIdOf(BLOB), blob, event, peerId: newPeerId(), port: 4001, bytesLeft };
}

t.test('hosts meet, and are gone when they say so or say nothing', async (t) => {
  const scene = await makeScene(t);
  let nowMs = 1_800_000_000_000;
  const tracker = await scene.tracker({ nowMs: () => nowMs });
  const one = clientOf(scene, await scene.identity('node-1', 'peer'), [tracker], { rack: 'r7' });
  const two = clientOf(scene, await scene.identity('node-2', 'seed'), [tracker], {
    zone: 'b',
    address: '[::1]:7',
  });
  const first = announceOf('started', { bytesLeft: 0 });
  t.same(await one.announce(first), [], 'nobody is there yet, and not oneself');
  const found = await two.announce(announceOf('started'));
  t.match(found, [
    {
      peerId: first.peerId,
      isComplete: true,
      ip: '127.0.0.1',
      port: 4001,
      host: { host: 'node-1', role: 'peer', zone: 'a', rack: 'r7', address: '10.0.0.1:4001' },
    },
  ]);
  t.match(await one.announce(first), [
    { isComplete: false, host: { host: 'node-2', role: 'seed', address: '[::1]:7' } },
  ]);
  t.same(await one.announce(announceOf('stopped')), []);
  t.same(await two.announce(announceOf('update')), [], 'who stopped is gone at once');
  await one.announce(first);
  t.equal((await two.announce(announceOf('update'))).length, 1);
  nowMs += INTERVALS_MS;
  t.equal((await two.announce(announceOf('update'))).length, 1);
  nowMs += 10_000;
  t.same(await two.announce(announceOf('update')), [], 'who is silent for two intervals is gone');
});

t.test('hosts are known by what they report', async (t) => {
  const scene = await makeScene(t);
  let nowMs = 1_800_000_000_000;
  const tracker = await scene.tracker({ nowMs: () => nowMs });
  const identities = await Promise.all(
    [
      ['node-1', 'peer'],
      ['node-2', 'peer'],
      ['seed-1', 'seed'],
    ].map(([host = '', role]) => scene.identity(host, role === 'seed' ? 'seed' : 'peer')),
  );
  const [one, two, seed] = identities.map((identity) => clientOf(scene, identity, [tracker]));
  if (one === undefined || two === undefined || seed === undefined) return;
  const held = { blob: BLOB, sizeBytes: 1000, heldBytes: 1000, repository: REPOSITORY };
  t.match(await one.report(reportOf({ blobs: [held] })), [
    { nextReportMs: 5000, preheats: [], cancelledPreheats: [] },
  ]);
  await two.report(reportOf({ zone: 'b', address: '10.0.0.2:4001' }));
  await seed.report(reportOf({ zone: 'c', address: '10.0.0.3:4001' }));
  t.ok(await one.refreshHosts());
  t.same(
    one.hosts().map(({ host, role, zone }) => `${host} ${role} ${zone}`),
    ['node-1 peer a', 'seed-1 seed c'],
    'own zone, and seeds',
  );
  t.ok(await one.refreshHosts(), 'and once more, unchanged');
  t.match(
    await two.announce(announceOf('started')),
    [{ isComplete: true, host: { host: 'node-1' } }],
    'what is reported counts as announced',
  );

  const swarm = JSON.parse((await ask(`${pageOf(tracker)}/v1/swarm`)).text);
  t.match(swarm.totals, { hosts: 3, seeds: 1, zones: 2, blobs: 1 });
  t.match(swarm.blobs, [
    {
      blob: BLOB,
      repository: REPOSITORY,
      complete: 1,
      partial: 0,
      holders: [{ host: 'node-1', heldBytes: 1000 }],
    },
  ]);
  await one.report(reportOf({ isStopping: true }));
  t.same(await two.announce(announceOf('update')), [], 'gone with its last report');
  await one.announce(announceOf('stopped'));
  await two.refreshHosts();
  t.notOk(
    two.hosts().some(({ host }) => host === 'node-1'),
    'and not back by what it says after',
  );
  nowMs += INTERVALS_MS + 10_000;
  const metrics = (await ask(`${pageOf(tracker)}/metrics`)).text;
  t.match(metrics, /^shoal_tracker_hosts\{role="peer"\} 0$/m);
  t.match(metrics, /^shoal_tracker_reports_total 4$/m);
});

t.test('tokens name what the policy grants', async (t) => {
  const scene = await makeScene(t);
  const tracker = await scene.tracker({
    grants: [
      { hosts: 'node-*', repositories: ['registry.example/team/*'] },
      { hosts: 'node-1', repositories: ['registry.example/secret'] },
      { hosts: '*-b-*z', repositories: ['*'] },
    ],
  });
  const rulesOf = async (host: string) => {
    const identity = await scene.identity(host, 'peer');
    const fetched = await clientOf(scene, identity, [tracker]).fetchToken();
    if (fetched === undefined) return undefined;
    const publicKeys = await scene.publicKeys();
    const grant = verifyToken(fetched.token, {
      publicKeys,
      host: parseHostName(host),
      nowMs: Date.now(),
    });
    t.equal(grant.expiresAtMs, fetched.expiresAtMs);
    return grant.repositories;
  };
  t.same(await rulesOf('node-1'), ['registry.example/team/*', 'registry.example/secret']);
  t.same(await rulesOf('node-10'), ['registry.example/team/*']);
  t.same(await rulesOf('a-b-z'), ['*']);
  t.equal(await rulesOf('a-bz'), undefined, 'a pattern of which only parts fit');
  t.equal(await rulesOf('other'), undefined);
});

t.test('nobody is introduced to blobs of repositories he may not read', async (t) => {
  const scene = await makeScene(t);
  const tracker = await scene.tracker({
    grants: [
      { hosts: 'node-*', repositories: ['registry.example/team/*'] },
      { hosts: 'stranger', repositories: ['registry.example/public/*'] },
    ],
  });
  const node = clientOf(scene, await scene.identity('node-1', 'peer'), [tracker]);
  const stranger = clientOf(scene, await scene.identity('stranger', 'peer'), [tracker]);
  await node.announce(announceOf('started', { bytesLeft: 0 }));
  t.same(
    await stranger.announce(announceOf('started')),
    [],
    'its grant does not cover the repository',
  );
  const { blob: _, ...unnamed } = announceOf('started');
  t.same(await stranger.announce(unnamed), [], 'it knows the id only');
  t.equal(
    (await clientOf(scene, await scene.identity('node-2', 'peer'), [tracker]).announce(unnamed))
      .length,
    1,
  );
  const wrongSwarm = { ...announceOf('started'), swarmId: swarmIdOf(blobNamed('two')) };
  t.same(await node.announce(wrongSwarm), []);
  const held = { blob: BLOB, sizeBytes: 1000, heldBytes: 1000, repository: REPOSITORY };
  await stranger.report(reportOf({ blobs: [held] }));
  const { blobs } = JSON.parse((await ask(`${pageOf(tracker)}/v1/swarm`)).text);
  t.same(blobs, [], 'nor does a report of such a blob count');
});

t.test('without a certificate nothing is told', async (t) => {
  const scene = await makeScene(t);
  const tracker = await scene.tracker();
  const other = await makeScene(t);
  const { current: own } = await scene.identity('node-1', 'peer');
  const { current: foreign } = await other.identity('node-1', 'peer');
  const { current: colleague } = await scene.identity('tracker-2', 'tracker');
  const url = urlOf(tracker);
  const none = { ca: own.ca };
  t.equal((await ask(`${url}/healthz`, {}, none)).status, 200);
  for (const tls of [none, { ca: own.ca, cert: foreign.cert, key: foreign.key }]) {
    for (const path of ['/v1/hosts', '/v1/swarm', '/metrics', '/v1/preheats']) {
      t.equal((await ask(url + path, {}, tls)).status, 403, path);
    }
    for (const path of ['/v1/token', '/v1/report', '/v1/preheats']) {
      t.equal((await ask(url + path, { method: 'POST', body: '{}' }, tls)).status, 403, path);
    }
    t.match(
      (await ask(`${url}/announce?info_hash=x`, {}, tls)).text,
      /failure reason11:not allowed/,
    );
  }
  t.equal((await ask(`${url}/v1/hosts`, {}, own)).status, 200);
  t.equal((await ask(`${url}/v1/hosts`, {}, colleague)).status, 200);
  t.equal(
    (await ask(`${url}/v1/token`, { method: 'POST' }, colleague)).status,
    403,
    'a tracker shares nothing',
  );
  t.equal(
    (await ask(`${url}/v1/swarm`, {}, own)).status,
    403,
    'names of images are not for every host',
  );
  const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
  t.equal((await ask(`${url}/v1/swarm`, { headers }, none)).status, 200);
  const wrong = { authorization: `Bearer ${ADMIN_TOKEN}x` };
  t.equal((await ask(`${url}/v1/swarm`, { headers: wrong }, none)).status, 403);
});

t.test('trackers go and come, and their hosts go on', async (t) => {
  const scene = await makeScene(t);
  const [first, second] = [await scene.tracker(), await scene.tracker()];
  const identity = await scene.identity('node-1', 'peer');
  const one = clientOf(scene, identity, [first, second]);
  const two = clientOf(scene, await scene.identity('node-2', 'peer'), [second]);
  const held = { blob: BLOB, sizeBytes: 10, heldBytes: 10, repository: REPOSITORY };
  t.equal((await one.report(reportOf({ blobs: [held] }))).length, 2, 'all of them are told');
  await first.close();
  t.ok(await one.fetchToken(), 'the other one gives a token');
  t.equal((await one.announce(announceOf('started'))).length, 0);
  t.equal((await two.announce(announceOf('started'))).length, 1);
  await one.refreshHosts();
  const before = one.hosts();
  t.equal(before.length, 2);
  await second.close();
  t.notOk(await one.refreshHosts());
  t.equal(one.hosts(), before, 'kept while no tracker answers');
  t.same(await one.announce(announceOf('update')), []);
  t.same(await one.report(reportOf()), []);
  t.equal(await one.fetchToken(), undefined);
});
