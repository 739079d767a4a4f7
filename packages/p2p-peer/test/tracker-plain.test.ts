/** The plain port: standard clients, public torrents, nothing else; and what strangers may try. */
import { connect } from 'node:net';
import t from 'tap';
import { newPeerId } from '../src/identity/peer-id.ts';
import { swarmIdOf } from '../src/identity/swarm-id.ts';
import { decodeBencode } from '../src/torrent/bencode.ts';
import type { TrackerServer, TrackerServerOptions } from '../src/tracker/server/index.ts';
import {
  announcePath,
  ask,
  blobNamed,
  clientOf,
  makeScene,
  pageOf,
  reportOf,
  urlOf,
} from './support/tracker-scene.ts';

const PUBLIC_TORRENT = 'ab'.repeat(20);
const PRIVATE_TORRENT = 'cd'.repeat(20);

/** A tracker that knows one public and one private torrent, each held by a host. */
async function trackerWithTorrents(
  t: Parameters<typeof makeScene>[0],
  options: Partial<TrackerServerOptions> = {},
) {
  const scene = await makeScene(t);
  let nowMs = 1_800_000_000_000;
  const tracker = await scene.tracker({
    nowMs: () => nowMs,
    publicRepositories: ['registry.example/team/public/*'],
    ...options,
  });
  const identity = await scene.identity('node-1', 'peer');
  const host = clientOf(scene, identity, [tracker]);
  const held = (name: string, repository: string, infohash: string) => ({
    blob: blobNamed(name),
    sizeBytes: 100,
    heldBytes: 100,
    repository,
    infohash,
  });
  const blobs = [
    held('public', 'registry.example/team/public/app', PUBLIC_TORRENT),
    held('private', 'registry.example/team/secret', PRIVATE_TORRENT),
  ];
  await host.report(reportOf({ blobs }));
  const announce = { event: 'started', peerId: newPeerId(), port: 4002, bytesLeft: 0 } as const;
  for (const { infohash } of blobs)
    await host.announce({ ...announce, swarmId: swarmId(infohash) });
  const later = (ms: number) => {
    nowMs += ms;
  };
  return { scene, tracker, host, identity, later };
}

function swarmId(hex: string) {
  const id = swarmIdOf(blobNamed('any'));
  return hex as typeof id;
}

function plainOf(tracker: TrackerServer): string {
  return `http://127.0.0.1:${tracker.address('plain')?.port}`;
}

const PLACE = 'port=6881&uploaded=0&downloaded=0&left=100&compact=1&event=started';

t.test('a standard client meets our hosts, and other clients', async (t) => {
  const { tracker } = await trackerWithTorrents(t);
  const url = plainOf(tracker);
  const first = await ask(url + announcePath(PUBLIC_TORRENT, newPeerId(), PLACE));
  t.equal(first.status, 200);
  t.equal(
    first.text,
    'd8:completei1e10:incompletei1e8:intervali30e12:min intervali5e5:peers6:\x7f\x00\x00\x01\x0f\xa26:peers60:e',
  );
  const second = await ask(
    url +
      announcePath(
        PUBLIC_TORRENT,
        newPeerId(),
        PLACE.replace('6881', '6882').replace('compact=1', 'compact=0'),
      ),
  );
  const answer = decodeBencode(Buffer.from(second.text, 'latin1'));
  t.equal(answer.kind === 'dictionary' && answer.value.get('incomplete')?.value, 2);
  t.match(second.text, /4:porti6881e/);
  t.notMatch(second.text, /node-1|10\.0\.0\.1/, 'what our hosts tell each other is not told');
  const scraped = await ask(`${url}/scrape?info_hash=${PUBLIC_TORRENT.replaceAll(/../g, '%$&')}`);
  const name = Buffer.from(PUBLIC_TORRENT, 'hex').toString('latin1');
  t.equal(
    scraped.text,
    `d5:filesd20:${name}d8:completei1e10:downloadedi1e10:incompletei2eee5:flagsd20:min_request_intervali30eee`,
    'its name is its bytes',
  );
});

t.test('what is not public is unknown', async (t) => {
  const { tracker } = await trackerWithTorrents(t);
  const url = plainOf(tracker);
  const percent = (hex: string) => hex.replaceAll(/../g, '%$&');
  for (const id of [PRIVATE_TORRENT, swarmIdOf(blobNamed('public')), 'ef'.repeat(20)]) {
    const { text } = await ask(url + announcePath(id, newPeerId(), PLACE));
    t.equal(text, 'd14:failure reason13:unknown swarme');
    t.equal((await ask(`${url}/scrape?info_hash=${percent(id)}`)).text, text);
    const both = `${url}/scrape?info_hash=${percent(PUBLIC_TORRENT)}&info_hash=${percent(id)}`;
    t.equal((await ask(both)).text, text);
    const hidden = `${url}/scrape?info_hash=${percent(PUBLIC_TORRENT)}&info%u005fhash=${percent(id)}`;
    t.equal((await ask(hidden)).text, text);
  }
  t.match((await ask(`${url}/scrape`)).text, /failure reason/, 'not everything at once either');
  const named = `&blob=${blobNamed('private')}&repository=registry.example/team/secret`;
  t.match(
    (await ask(url + announcePath(swarmIdOf(blobNamed('private')), newPeerId(), PLACE + named)))
      .text,
    /unknown swarm/,
  );
  for (const path of [
    '/',
    '/v1/hosts',
    '/v1/swarm',
    '/metrics',
    '/v1/preheats',
    '/stats',
    '/stats.json',
    '/../v1/hosts',
  ]) {
    t.equal((await ask(url + path)).status, 404, path);
  }
  t.equal((await ask(`${url}/v1/token`, { method: 'POST' })).status, 404);
  t.equal((await ask(`${url}/healthz`)).text, 'ok\n');
});

t.test('nonsense is refused, and the tracker goes on', async (t) => {
  const { tracker } = await trackerWithTorrents(t);
  const url = plainOf(tracker);
  const wrong = [
    '/announce',
    '/announce?info_hash=short&peer_id=short&port=1',
    announcePath(PUBLIC_TORRENT, newPeerId(), 'port=0'),
    announcePath(PUBLIC_TORRENT, newPeerId(), 'port=99999'),
    announcePath(PUBLIC_TORRENT, newPeerId(), 'port=1&event=explode'),
    announcePath(PUBLIC_TORRENT, newPeerId(), 'port=1&event=started&event=stopped'),
    announcePath(PUBLIC_TORRENT, newPeerId(), 'port=1&event=__proto__'),
    announcePath(PUBLIC_TORRENT, newPeerId(), `port=1&info_hash=${'%ab'.repeat(20)}`),
    `/scrape?${'info_hash=%ab&'.repeat(65)}`,
    `/scrape?info_hash=${'%ab'.repeat(19)}`,
  ];
  for (const path of wrong) {
    const { status, text } = await ask(url + path);
    t.match(text, /^d14:failure reason\d+:[^{}]+e$/, `${path.slice(0, 60)} ${text}`);
    t.equal(status, 200);
  }
  t.equal((await ask(`${url}/announce?${'x'.repeat(20_000)}`)).status, 431, 'long addresses');
  const socket = connect(tracker.address('plain')?.port ?? 0, '127.0.0.1');
  socket.end('\x13BitTorrent protocol\r\n\r\n');
  let answer = '';
  for await (const part of socket) answer += String(part);
  t.match(answer, /^HTTP\/1\.1 400/);
  t.match((await ask(url + announcePath(PUBLIC_TORRENT, newPeerId(), PLACE))).text, /interval/);
});

t.test('where a token is wanted it is in the address', async (t) => {
  const { tracker } = await trackerWithTorrents(t, { plainToken: 'token-of-clients' });
  const url = plainOf(tracker);
  const announce = (query: string) =>
    ask(url + announcePath(PUBLIC_TORRENT, newPeerId(), PLACE) + query);
  t.match((await announce('&token=token-of-clients')).text, /8:interval/);
  const scrape = `${url}/scrape?info_hash=${PUBLIC_TORRENT.replaceAll(/../g, '%$&')}`;
  t.match((await ask(`${scrape}&token=token-of-clients`)).text, /8:complete/);
  for (const query of ['', '&token=', '&token=other', '&token=token-of-clients&token=other']) {
    t.match((await announce(query)).text, /unknown swarm/, query);
    t.match((await ask(scrape + query)).text, /unknown swarm/, query);
  }
});

t.test('who asks too often is told so, and only he', async (t) => {
  const { tracker, host, later } = await trackerWithTorrents(t);
  const url = plainOf(tracker);
  const statuses: number[] = [];
  for (let asked = 0; asked < 210; asked += 1) statuses.push((await ask(`${url}/healthz`)).status);
  t.equal(statuses.filter((status) => status === 200).length, 200);
  t.equal(statuses.filter((status) => status === 429).length, 10);
  t.match(
    (await ask(url + announcePath(PUBLIC_TORRENT, newPeerId(), PLACE))).text,
    /too many requests/,
  );
  t.ok(await host.refreshHosts(), 'hosts are counted by their names');
  later(1000);
  t.equal((await ask(`${url}/healthz`)).status, 200, 'and later again');
});

t.test('one address fills no swarm', async (t) => {
  const { tracker, later } = await trackerWithTorrents(t);
  const url = plainOf(tracker);
  let refused = '';
  for (let port = 1; port <= 260; port += 1) {
    later(100);
    const path = announcePath(PUBLIC_TORRENT, newPeerId(), `port=${port}&left=0&event=started`);
    const { text } = await ask(url + path);
    if (/failure/.test(text)) refused = text;
  }
  t.match(refused, /too many peers at this address/);
  later(61_000);
  const { text } = await ask(url + announcePath(PUBLIC_TORRENT, newPeerId(), PLACE));
  t.match(text, /8:completei0e10:incompletei1e/, 'all gone when they say nothing');
});

t.test('bodies are bounded, and hosts cannot lie about who they are', async (t) => {
  const { scene, tracker, identity } = await trackerWithTorrents(t);
  const { current: tls } = identity;
  const post = (body: string) => ask(`${urlOf(tracker)}/v1/report`, { method: 'POST', body }, tls);
  t.equal((await post('x'.repeat(300_000))).status, 413);
  t.equal((await post('{')).status, 400);
  const report = reportOf();
  const wrong = [
    { ...report, host: 'node-2' },
    { ...report, role: 'seed' },
    { ...report, zone: 'a\nb' },
    { ...report, zone: 'x'.repeat(257) },
    { ...report, address: 'http://x/' },
    { ...report, rates: { ...report.rates, rack: -1 } },
    { ...report, rates: { ...report.rates, rack: 1e300 } },
    {
      ...report,
      blobs: Array.from({ length: 129 }, () => ({
        blob: blobNamed('x'),
        sizeBytes: 1,
        heldBytes: 1,
        repository: 'a/b',
      })),
    },
  ];
  for (const body of wrong) {
    const { status, text } = await post(JSON.stringify(body));
    t.equal(status, 400, text);
    t.match(text, /^\{"error":"not understood: /);
  }
  const stolen = clientOf(scene, await scene.identity('node-2', 'peer'), [tracker]);
  const fetched = await stolen.fetchToken();
  const path = announcePath(
    swarmIdOf(blobNamed('private')),
    newPeerId(),
    `${PLACE}&token=${fetched?.token}`,
  );
  const { text } = await ask(urlOf(tracker) + path, {}, tls);
  t.match(text, /host "node-1" shows a token of another host/);
  t.notOk(text.includes(fetched?.token ?? '-'));
});

t.test('the page is called by its own name only', async (t) => {
  const { tracker } = await trackerWithTorrents(t);
  const port = tracker.address('page')?.port;
  const named = (host: string) => ask(`${pageOf(tracker)}/v1/swarm`, { headers: { host } });
  for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, '[::1]']) {
    t.equal((await named(host)).status, 200, host);
  }
  for (const host of ['evil.example', `evil.example:${port}`, 'localhost.evil.example']) {
    t.equal((await named(host)).status, 421, host);
  }
});
