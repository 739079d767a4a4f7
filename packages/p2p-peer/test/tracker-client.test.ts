/** Clients of trackers that are away, late, hostile, or somebody else; and the loop that reports. */
import type { ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import { errorCode } from '@shoal/errors';
import { serveOnLoopback, until } from '@shoal/test-kit';
import t from 'tap';
import { KnownHosts } from '../src/hosts/known-hosts.ts';
import { parseHostName } from '../src/identity/host.ts';
import { newPeerId } from '../src/identity/peer-id.ts';
import { swarmIdOf } from '../src/identity/swarm-id.ts';
import { ReportLoop } from '../src/tracker/client/report-loop.ts';
import { TrackerClient } from '../src/tracker/client/tracker-client.ts';
import type { HostReport, ReportAnswer } from '../src/tracker/host-report.ts';
import type { IdentityFiles } from '../src/trust/index.ts';
import { blobNamed, makeScene, reportOf, type Scene } from './support/tracker-scene.ts';

const ANNOUNCE = {
  swarmId: swarmIdOf(blobNamed('one')),
  event: 'started',
  peerId: newPeerId(),
  port: 4001,
  bytesLeft: 1,
} as const;

/** A tracker by its certificate that answers what a test wants. */
async function fakeTracker(
  t: Parameters<typeof serveOnLoopback>[0],
  { current: { ca, cert, key } }: IdentityFiles,
  answer: (response: ServerResponse, url: string) => void,
): Promise<string> {
  const server: Server = createServer({ ca, cert, key, requestCert: true }, (request, response) => {
    request.resume();
    answer(response, request.url ?? '');
  });
  return `https://${await serveOnLoopback(t, server)}`;
}

function clientFor(
  scene: Scene,
  identity: IdentityFiles,
  trackers: readonly string[],
  timeoutMs: number,
) {
  const problems: unknown[] = [];
  const own = () => ({ zone: 'a', rack: 'r', address: '10.0.0.1:1' });
  const onProblem = (error: unknown) => problems.push(error);
  const clock = { nowMs: 1000 };
  const client = scene.keep(
    new TrackerClient({
      trackers,
      identity,
      own,
      onProblem,
      timeoutMs,
      nowMs: () => clock.nowMs,
      random: () => 0.5,
    }),
  );
  return { client, problems, clock };
}

async function askEverything(client: TrackerClient) {
  return {
    peers: await client.announce(ANNOUNCE),
    reports: await client.report(reportOf()),
    token: await client.fetchToken(),
    hosts: await client.refreshHosts(),
  };
}

const NOTHING = { peers: [], reports: [], token: undefined, hosts: false };

const peers = (list: unknown) => {
  const text = JSON.stringify(list);
  return `d8:completei1e10:incompletei1e8:intervali30e5:peers${Buffer.byteLength(text)}:${text}e`;
};
const PEER = { peerId: 'ab'.repeat(20), ip: '10.0.0.1', port: 1, isComplete: true };

const NONSENSE: readonly string[] = [
  '',
  '{',
  'null',
  '[]',
  '{"token":5,"hosts":"x"}',
  `{"hosts":[{"host":"../x","role":"peer","zone":"","rack":"","address":"a:1"}]}`,
  `{"hosts":[{"host":"a","role":"king","zone":"","rack":"","address":"a:1"}]}`,
  '{"nextReportMs":-1,"preheats":[],"cancelledPreheats":[]}',
  'd14:failure reason3:noee',
  'd14:failure reason2:noe',
  peers('x'),
  peers([{}]),
  peers([{ ...PEER, port: 0 }]),
  peers([{ ...PEER, more: 1 }]),
  peers(Array.from({ length: 51 }, () => PEER)),
  peers([{ ...PEER, host: { host: 'a b', role: 'peer', zone: '', rack: '', address: 'x:1' } }]),
  `d5:peersl${'l'.repeat(5000)}`,
];

t.test('nonsense is no answer, and throws nothing', async (t) => {
  const scene = await makeScene(t);
  const identity = await scene.identity('node-1', 'peer');
  let body = '';
  const tracker = await scene.identity('tracker', 'tracker');
  const url = await fakeTracker(t, tracker, (response) => response.end(body));
  const { client, problems } = clientFor(scene, identity, [url], 60_000);
  for (body of NONSENSE) t.same(await askEverything(client), NOTHING, body.slice(0, 60));
  t.equal(problems.length, 4 * NONSENSE.length, 'each is reported');
  t.same([...new Set(problems.map(errorCode))], ['ERR_P2P_TRACKER_ANSWER']);
  body = peers([PEER]);
  t.match(await client.announce(ANNOUNCE), [PEER]);
});

t.test('endless answers are cut off', async (t) => {
  const scene = await makeScene(t);
  const identity = await scene.identity('node-1', 'peer');
  const tracker = await scene.identity('tracker', 'tracker');
  let sentBytes = 0;
  const url = await fakeTracker(t, tracker, (response) => {
    const part = Buffer.alloc(1 << 20, 'x');
    const more = () => {
      if (response.destroyed || sentBytes > 1 << 28) return;
      sentBytes += part.length;
      response.write(part, more);
    };
    response.on('error', () => undefined);
    more();
  });
  const { client } = clientFor(scene, identity, [url], 60_000);
  t.same(await client.announce(ANNOUNCE), []);
  t.ok(sentBytes < 64 << 20, `${sentBytes} bytes were taken`);
});

t.test('one that is silent costs its deadline once, then nothing for a while', async (t) => {
  const scene = await makeScene(t);
  const identity = await scene.identity('node-1', 'peer');
  const tracker = await scene.identity('tracker', 'tracker');
  let asked = 0;
  let isSilent = true;
  const url = await fakeTracker(t, tracker, (response) => {
    asked += 1;
    if (!isSilent) response.end(peers([PEER]));
  });
  const { client, problems, clock } = clientFor(scene, identity, [url], 300);
  t.same(await client.announce(ANNOUNCE), []);
  const before = asked;
  t.same(await askEverything(client), NOTHING);
  t.equal(asked, before, 'it is left alone');
  t.same(problems.map(errorCode), ['ERR_P2P_TRACKER_AWAY']);
  isSilent = false;
  clock.nowMs += 60_000;
  await until('it is found again', async () => {
    clock.nowMs += 60_000;
    return (await client.announce(ANNOUNCE)).length === 1;
  });
});

t.test('somebody who is no tracker is told nothing', async (t) => {
  const scene = await makeScene(t);
  const other = await makeScene(t);
  const identity = await scene.identity('node-1', 'peer');
  const impostors = [
    await scene.identity('node-2', 'peer'),
    await other.identity('tracker', 'tracker'),
  ];
  let asked = 0;
  const urls: string[] = [];
  for (const impostor of impostors) {
    urls.push(
      await fakeTracker(t, impostor, (response) => {
        asked += 1;
        response.end('{}');
      }),
    );
  }
  const { client, problems } = clientFor(scene, identity, [...urls, 'https://127.0.0.1:1'], 60_000);
  t.same(await askEverything(client), NOTHING);
  t.equal(asked, 0);
  t.equal(problems.length, 3);
  for (const url of ['http://127.0.0.1:1', 'https://x/path', 'https://user:secret@x', 'x', '']) {
    t.throws(() => clientFor(scene, identity, [url], 1), { code: 'ERR_P2P_TRACKER_OPTIONS' });
  }
});

t.test('one of another authority is away, and that is said', async (t) => {
  const scene = await makeScene(t);
  const others = await makeScene(t);
  const tracker = await others.identity('tracker', 'tracker');
  const url = await fakeTracker(t, tracker, (response) => response.end());
  const identity = await scene.identity('node-1', 'peer');
  const { client, problems } = clientFor(scene, identity, [url], 60_000);
  t.equal(await client.fetchToken(), undefined);
  t.match(problems, [{ code: 'ERR_P2P_TRACKER_AWAY', message: /another authority than ca\.crt/ }]);
});

t.test('a tracker that was started anew does not make hosts forget each other', async (t) => {
  const hosts = new KnownHosts();
  const facts = (host: string) =>
    ({ host: parseHostName(host), role: 'seed', zone: '', rack: '', address: 'a:1' }) as const;
  hosts.named([facts('b'), facts('a')], 0);
  hosts.named([facts('b')], 30_000);
  t.same(
    hosts.list().map(({ host }) => host),
    ['a', 'b'],
  );
  hosts.named([facts('b')], 60_001);
  t.same(
    hosts.list().map(({ host }) => host),
    ['b'],
  );
});

t.test('the loop reports, hears orders, and says goodbye', async (t) => {
  const reports: HostReport[] = [];
  const heard: (readonly ReportAnswer[])[] = [];
  const answers = [
    { nextReportMs: 1_000_000, preheats: [{ id: 'p', reference: 'r' }], cancelledPreheats: [] },
  ];
  const client = {
    report: async (report: HostReport) => {
      reports.push(report);
      return answers;
    },
    refreshHosts: async () => true,
  };
  const loop = new ReportLoop({
    client,
    report: () => reportOf(),
    onAnswers: (list) => heard.push(list),
  });
  await until('it has reported', () => heard.length > 0);
  await Promise.all([loop.reportNow(), loop.reportNow()]);
  t.equal(reports.length, 2, 'one at a time');
  t.same(heard[0], answers);
  await loop.close();
  await loop.close();
  await loop.reportNow();
  t.equal(reports.length, 3);
  t.equal(reports[2]?.isStopping, true);
});

t.test('a renewed certificate is used by both sides, an ended one by nobody', async (t) => {
  const scene = await makeScene(t);
  const trackerIdentity = await scene.identity('tracker-1', 'tracker');
  let nowMs = Date.now();
  const tracker = await scene.tracker({ identity: trackerIdentity, nowMs: () => nowMs });
  const identity = await scene.identity('node-1', 'peer');
  const url = `https://127.0.0.1:${tracker.address('tls')?.port}`;
  const { client } = clientFor(scene, identity, [url], 60_000);
  t.ok(await client.fetchToken());
  await scene.identity('tracker-1', 'tracker');
  await trackerIdentity.refresh();
  await scene.identity('node-1', 'peer');
  await identity.refresh();
  t.ok(await client.fetchToken());
  nowMs += 400 * 24 * 3600_000;
  t.equal(await client.fetchToken(), undefined, 'although the connection was kept');
});
