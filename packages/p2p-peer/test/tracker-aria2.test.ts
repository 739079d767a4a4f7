/** Standard clients at our tracker: one aria2 seeds, another finds it through the plain port and fetches from it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { requireTool, type TestScope, temporaryDirectory, until } from '@shoal/test-kit';
import t from 'tap';
import { encodeMetainfo } from '../src/torrent/index.ts';
import { blobIdOf } from './support/sample-bytes.ts';
import { ask, clientOf, makeScene, REPOSITORY, reportOf } from './support/tracker-scene.ts';

t.setTimeout(300_000);
const PIECE_BYTES = 256 << 10;
const BYTES = 8 * PIECE_BYTES + 4321;

const OPTIONS = [
  '--no-conf=true',
  '--enable-dht=false',
  '--enable-dht6=false',
  '--bt-enable-lpd=false',
  '--enable-peer-exchange=false',
  '--file-allocation=none',
  '--listen-port=20000-60000',
];

function aria2(t: TestScope, directory: string, ...args: readonly string[]): ChildProcess {
  const child = spawn('aria2c', [`--dir=${directory}`, ...OPTIONS, ...args], { stdio: 'ignore' });
  t.teardown(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  });
  return child;
}

function torrentOf(content: Buffer, announce: string) {
  const pieces: Buffer[] = [];
  for (let at = 0; at < content.length; at += PIECE_BYTES) {
    const piece = content.subarray(at, at + PIECE_BYTES);
    pieces.push(createHash('sha1').update(piece).digest());
  }
  return encodeMetainfo({
    blobId: blobIdOf(content),
    blobBytes: content.length,
    pieceBytes: PIECE_BYTES,
    pieceHashes: Buffer.concat(pieces),
    announce: [announce],
  });
}

t.test('two clients find each other, for a public blob only', async (t) => {
  if (!requireTool(t, 'aria2c')) return;
  const scene = await makeScene(t);
  const tracker = await scene.tracker({ publicRepositories: [REPOSITORY] });
  const url = `http://127.0.0.1:${tracker.address('plain')?.port}`;
  const content = randomBytes(BYTES);
  const { bytes, infohash } = torrentOf(content, `${url}/announce`);
  const blob = createHash('sha256').update(content).digest('hex');

  const directory = temporaryDirectory(t);
  const [seeding, fetching] = [join(directory, 'seeding'), join(directory, 'fetching')];
  for (const own of [seeding, fetching]) mkdirSync(own);
  const torrent = join(directory, 'blob.torrent');
  writeFileSync(torrent, bytes);
  const name = /4:name(\d+):/.exec(bytes.toString('latin1'));
  const at = (name?.index ?? 0) + (name?.[0].length ?? 0);
  const fileName = bytes.toString('utf8', at, at + Number(name?.[1]));
  writeFileSync(join(seeding, fileName), content);

  const scrape = async () => {
    const { text } = await ask(`${url}/scrape?info_hash=${infohash.replaceAll(/../g, '%$&')}`);
    return text;
  };
  t.match(await scrape(), /unknown swarm/, 'before anybody has told of it');
  const held = { blob, sizeBytes: BYTES, heldBytes: 0, repository: REPOSITORY, infohash };
  const host = clientOf(scene, await scene.identity('node-1', 'peer'), [tracker]);
  await host.report(reportOf({ blobs: [held] }));

  aria2(
    t,
    seeding,
    '--seed-ratio=0.0',
    '--check-integrity=true',
    '--allow-overwrite=true',
    torrent,
  );
  await until('the seeder is announced', async () => /8:completei1e/.test(await scrape()));
  const fetcher = aria2(t, fetching, '--seed-time=0', torrent);
  const [code] = await once(fetcher, 'exit');
  t.equal(code, 0);
  t.ok(readFileSync(join(fetching, fileName)).equals(content), 'byte by byte');
  await until('it has said that it stopped', async () => /10:incompletei0e/.test(await scrape()));
});
