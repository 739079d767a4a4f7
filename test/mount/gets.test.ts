/** `shoal get` through daemons that share: the second host has the bytes of the first. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sha256Digest } from '@shoal/oci';
import {
  noise,
  pushArtifact,
  requireMounts,
  temporaryDirectory,
  until,
  WebFileServer,
} from '@shoal/test-kit';
import t from 'tap';
import { type PeerHost, PeerWorld, peerOf } from '../support/peer-world.ts';
import { runShoal, tryShoal } from '../support/shoal-command.ts';

const WEIGHTS = noise(12_000_000, 'weights');

const TOKEN = 'a-token-of-the-tests';

/** An answer of the API: of one get. */
type Said = {
  readonly status: number;
  readonly body: Pick<Report, 'sources'> & { readonly id: string; readonly endedAt?: string };
};

type Report = {
  readonly via: string;
  readonly sources: { readonly local: number; readonly peers: number; readonly origin: number };
  readonly files: readonly { readonly file: string; readonly digest: string }[];
};

t.setTimeout(300_000);

t.test('an artifact: what one host has fetched comes to the next from there', async (t) => {
  if (!requireMounts(t)) return;
  const world = await PeerWorld.open(t, { files: { first: 1000 } });
  const reference = `${world.registryHost}/models/llama:7b`;
  await pushArtifact(reference, [{ title: 'weights.bin', content: WEIGHTS }]);
  const seed = await world.host('seed', 'seed');
  const hosts = [seed, await world.host('a', 'peer')];
  for (const host of hosts) {
    await until('it has a token', async () => (await peerOf(host)).hasToken);
  }
  const first = await get(seed, [reference]);
  t.equal(first.via, 'daemon');
  t.equal(first.sources.origin, WEIGHTS.length, 'the first has it from the registry');
  const second = await get(hosts[1] ?? seed, [reference]);
  t.comment(JSON.stringify(second.sources));
  t.ok(second.sources.peers >= WEIGHTS.length / 2, 'most of it comes from the first host');
  const again = await get(seed, [`${reference}:weights.bin`, '--force']);
  t.equal(again.sources.local, WEIGHTS.length, 'what a host holds is read there');
  for (const host of hosts) {
    t.ok(readFileSync(join(host.directory, 'files', 'weights.bin')).equals(WEIGHTS));
  }
});

t.test('a file of a web server with a digest is shared as well', async (t) => {
  if (!requireMounts(t)) return;
  const web = await WebFileServer.open(t, WEIGHTS);
  const world = await PeerWorld.open(t, { files: { first: 1000 }, webHosts: [web.host] });
  const seed = await world.host('seed', 'seed');
  const hosts = [await world.host('a', 'peer'), await world.host('b', 'peer')];
  for (const host of [seed, ...hosts]) {
    await until('it has a token', async () => (await peerOf(host)).hasToken);
  }
  const url = web.url('/images/disk.img');
  const digest = ['--digest', sha256Digest(WEIGHTS)];
  t.equal((await get(seed, [url, ...digest])).via, 'daemon');
  for (const host of hosts) {
    const before = web.bytesSent;
    const { sources } = await get(host, [url, ...digest]);
    t.comment(`${JSON.stringify(sources)}, the server has sent ${web.bytesSent - before}`);
    t.ok(
      web.bytesSent - before < WEIGHTS.length - sources.peers + 1000,
      'what peers gave it did not',
    );
    t.ok(sources.peers >= WEIGHTS.length / 2, 'most of it came from other hosts');
  }
  const [host = seed] = hosts;
  const wrong = `sha256:${'0'.repeat(64)}`;
  const lied = await tryShoal(['get', url, '--digest', wrong, '-o', join(host.directory, 'x')], {
    env: host.daemon.env,
  });
  t.equal(lied.exitCode, 1);
  t.match(lied.stderr, /digest/);
  const without = await get(host, [url, '--force']);
  t.match(without, { via: 'direct', sources: { origin: WEIGHTS.length } });
});

t.test('a file of a converted image through the peers', async (t) => {
  if (!requireMounts(t)) return;
  const world = await PeerWorld.open(t, { files: { first: 3_000_000 } });
  const hosts = [await world.host('seed', 'seed'), await world.host('a', 'peer')];
  for (const host of hosts) {
    await until('it has a token', async () => (await peerOf(host)).hasToken);
    const { via } = await get(host, [`${world.reference}:/first`]);
    t.equal(via, 'daemon');
    const bytes = readFileSync(join(host.directory, 'files', 'first'));
    t.ok(bytes.equals(readFileSync(join(world.source, 'first'))));
  }
});

t.test('the REST API of a daemon: through the peers, below its directory', async (t) => {
  if (!requireMounts(t)) return;
  const directory = temporaryDirectory(t);
  const tokenFile = join(directory, 'token');
  writeFileSync(tokenFile, TOKEN);
  mkdirSync(join(directory, 'files'));
  const world = await PeerWorld.open(t, { files: { first: 2_000_000 } });
  const what = `${world.registryHost}/models/llama:7b`;
  await pushArtifact(what, [{ title: 'weights.bin', content: WEIGHTS }]);
  const api = { listen: '127.0.0.1:0', tokenFile, directory: join(directory, 'files') };
  const hosts = [await world.host('seed', 'seed'), await world.host('a', 'peer', api)];
  for (const host of hosts) {
    await until('it has a token', async () => (await peerOf(host)).hasToken);
  }
  const [seed, host] = hosts;
  if (seed === undefined || host === undefined) throw new Error('two hosts, please');
  await get(seed, [what]);
  const address = (await host.status()).api?.address;
  const ask = async (path: string, init: RequestInit = {}): Promise<Said> => {
    const headers = { authorization: `Bearer ${TOKEN}` };
    const answer = await fetch(`http://${address}${path}`, { headers, ...init });
    return { status: answer.status, body: JSON.parse(await answer.text()) };
  };
  t.match(await ask('/v1/gets', { headers: {} }), { status: 401 });
  const order = (body: object) => ask('/v1/gets', { method: 'POST', body: JSON.stringify(body) });
  t.match(await order({ what, target: '../out' }), { status: 400 });
  t.match(await order({ what: 'docker.io/library/x:1', target: 'x' }), { status: 403 });
  const view = async (body: object) => {
    const { id } = (await order(body)).body;
    let last = await ask(`/v1/gets/${id}`);
    await until('it is over', async () => {
      last = await ask(`/v1/gets/${id}`);
      return last.body.endedAt !== undefined;
    });
    return last.body;
  };
  const done = await view({ what, target: 'llama' });
  t.comment(JSON.stringify(done.sources));
  t.match(done, { state: 'done', files: [{ file: 'llama/weights.bin' }] });
  t.ok(done.sources.peers >= WEIGHTS.length / 2, 'most of it came from the other host');
  t.ok(readFileSync(join(directory, 'files/llama/weights.bin')).equals(WEIGHTS));
  const inside = await view({ what: `${world.reference}:/first`, target: 'first' });
  t.match(inside, { state: 'done' });
  t.ok(
    readFileSync(join(directory, 'files/first')).equals(readFileSync(join(world.source, 'first'))),
  );
});

async function get(host: PeerHost, args: readonly string[]): Promise<Report> {
  const to = join(host.directory, 'files/');
  const { stdout } = await runShoal(['get', ...args, '-o', to, '--json'], { env: host.daemon.env });
  return JSON.parse(stdout);
}
