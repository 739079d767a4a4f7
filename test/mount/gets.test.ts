/** `shoal get` through daemons that share: the second host has the bytes of the first. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { sha256Digest } from '@shoal/oci';
import { noise, pushArtifact, requireMounts, serveOnLoopback, until } from '@shoal/test-kit';
import t from 'tap';
import { type PeerHost, PeerWorld, peerOf } from '../support/peer-world.ts';
import { runShoal, tryShoal } from '../support/shoal-command.ts';

const WEIGHTS = noise(12_000_000, 'weights');

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
  const web = await serveFile(t, WEIGHTS);
  const world = await PeerWorld.open(t, { files: { first: 1000 }, webHosts: [web.host] });
  const hosts = [await world.host('seed', 'seed'), await world.host('a', 'peer')];
  for (const host of hosts) {
    await until('it has a token', async () => (await peerOf(host)).hasToken);
  }
  const url = `http://${web.host}/images/disk.img`;
  const digest = ['--digest', sha256Digest(WEIGHTS)];
  const [seed, host] = hosts;
  if (seed === undefined || host === undefined) throw new Error('two hosts, please');
  t.equal((await get(seed, [url, ...digest])).via, 'daemon');
  const before = web.sent();
  const second = await get(host, [url, ...digest]);
  t.comment(`${JSON.stringify(second.sources)}, the server has sent ${web.sent() - before}`);
  t.ok(second.sources.peers >= WEIGHTS.length / 2);
  t.ok(web.sent() - before < WEIGHTS.length / 2, 'the server had little to do');
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

async function get(host: PeerHost, args: readonly string[]): Promise<Report> {
  const to = join(host.directory, 'files/');
  const { stdout } = await runShoal(['get', ...args, '-o', to, '--json'], { env: host.daemon.env });
  return JSON.parse(stdout);
}

/** A server of one file, with ranges and an ETag, that counts what it sends. */
async function serveFile(t: Parameters<typeof serveOnLoopback>[0], content: Buffer) {
  let bytes = 0;
  const server = createServer((request, response) => {
    const [, from = '0', to = ''] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
    const end = Math.min(to === '' ? content.length - 1 : Number(to), content.length - 1);
    const part = content.subarray(Number(from), end + 1);
    bytes += part.length;
    const headers = { etag: '"one"', 'content-length': part.length };
    if (request.headers.range === undefined) response.writeHead(200, headers);
    else {
      const range = `bytes ${from}-${end}/${content.length}`;
      response.writeHead(206, { ...headers, 'content-range': range });
    }
    response.end(part);
  });
  return { host: await serveOnLoopback(t, server), sent: () => bytes };
}
