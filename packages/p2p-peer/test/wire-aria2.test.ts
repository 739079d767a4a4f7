/** A standard client on the plain side, aria2: it fetches from us, and we fetch from it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseBlobId } from '@shoal/oci';
import { requireTool, temporaryDirectory, until } from '@shoal/test-kit';
import t from 'tap';
import { newPeerId } from '../src/identity/peer-id.ts';
import { decodeBencode } from '../src/torrent/bencode.ts';
import { encodeMetainfo, formatMagnet } from '../src/torrent/index.ts';
import { openPlainWire } from '../src/wire/handshakes/open-plain-wire.ts';
import { PlainWireListener } from '../src/wire/handshakes/plain-listener.ts';
import type { TorrentBlob } from '../src/wire/handshakes/torrent-blob.ts';
import { TinyTracker } from './support/tiny-tracker.ts';
import { BufferServer, PATIENT, patternedBlob, sharedBlob } from './support/wire-pair.ts';

type Tap = Parameters<typeof temporaryDirectory>[0];

const BYTES = 9 * (1 << 20) + 12_345;
const PIECE = 256 << 10;
const blob = patternedBlob(BYTES);
const ID = createHash('sha256').update(blob).digest('hex');
const QUIET = [
  '--enable-dht=false',
  '--enable-dht6=false',
  '--bt-enable-lpd=false',
  '--enable-peer-exchange=false',
  '--follow-torrent=false',
  '--file-allocation=none',
  '--allow-overwrite=true',
  '--bt-max-peers=4',
  '--no-conf=true',
  '--listen-port=20000-60000',
  '--seed-time=0',
];

function torrentOf(tracker: TinyTracker) {
  const pieceHashes: Buffer[] = [];
  for (let at = 0; at < BYTES; at += PIECE) {
    pieceHashes.push(
      createHash('sha1')
        .update(blob.subarray(at, at + PIECE))
        .digest(),
    );
  }
  const { bytes, infohash } = encodeMetainfo({
    blobId: parseBlobId(ID),
    blobBytes: BYTES,
    pieceBytes: PIECE,
    pieceHashes: Buffer.concat(pieceHashes),
    announce: [tracker.url],
  });
  const root = decodeBencode(bytes);
  const info = root.kind === 'dictionary' ? root.value.get('info') : undefined;
  return { file: bytes, infohash, infoBytes: bytes.subarray(info?.start, info?.end) };
}

function aria2(t: Tap, directory: string, ...args: readonly string[]): ChildProcess {
  const child = spawn('aria2c', [`--dir=${directory}`, ...QUIET, ...args], { stdio: 'pipe' });
  child.stdout.on('data', () => {});
  child.stderr.on('data', () => {});
  t.teardown(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  return child;
}

async function seedOfOurs(t: Tap, tracker: TinyTracker, extra: Partial<TorrentBlob> = {}) {
  const { infohash } = torrentOf(tracker);
  const listener = await PlainWireListener.open({
    selfId: newPeerId(),
    port: 0,
    listenHost: '127.0.0.1',
    accept: (asked) =>
      asked === infohash
        ? { ...sharedBlob(new BufferServer(blob), BYTES), pieceBytes: PIECE, ...extra }
        : undefined,
  });
  t.teardown(async () => listener.close());
  tracker.ports.push(listener.port);
}

t.test('aria2 fetches a blob from us by its torrent', async (t) => {
  if (!requireTool(t, 'aria2c')) return;
  const tracker = await TinyTracker.open(t);
  const directory = temporaryDirectory(t);
  const torrent = join(directory, 'blob.torrent');
  writeFileSync(torrent, torrentOf(tracker).file);
  await seedOfOurs(t, tracker);
  const [exitCode] = await once(aria2(t, directory, '--torrent-file', torrent), 'exit');
  t.equal(exitCode, 0);
  t.ok(readFileSync(join(directory, ID)).equals(blob), 'byte for byte');
});

t.test('aria2 fetches torrent and blob from us by a magnet link', async (t) => {
  if (!requireTool(t, 'aria2c')) return;
  const tracker = await TinyTracker.open(t);
  const directory = temporaryDirectory(t);
  const { infohash, infoBytes } = torrentOf(tracker);
  await seedOfOurs(t, tracker, { infoBytes });
  const magnet = formatMagnet({
    infohash,
    blobId: parseBlobId(ID),
    blobBytes: BYTES,
    announce: [tracker.url],
  });
  const [exitCode] = await once(aria2(t, directory, magnet), 'exit');
  t.equal(exitCode, 0);
  t.ok(readFileSync(join(directory, ID)).equals(blob), 'byte for byte');
});

t.test('we fetch a blob from aria2', async (t) => {
  if (!requireTool(t, 'aria2c')) return;
  const tracker = await TinyTracker.open(t);
  const directory = temporaryDirectory(t);
  const torrent = join(directory, 'blob.torrent');
  const { file, infohash } = torrentOf(tracker);
  writeFileSync(torrent, file);
  writeFileSync(join(directory, ID), blob);
  aria2(
    t,
    directory,
    '--torrent-file',
    torrent,
    '--check-integrity=true',
    '--seed-ratio=0.0',
    '--seed-time=60',
  );
  await until('aria2 seeds', () => tracker.announced.size > 0);
  const [port] = tracker.announced;
  const wire = await openPlainWire({
    selfId: newPeerId(),
    address: `127.0.0.1:${port}`,
    infohash,
    torrent: {
      ...sharedBlob(new BufferServer(Buffer.alloc(BYTES)), BYTES, false),
      pieceBytes: PIECE,
    },
    ...PATIENT,
  });
  t.teardown(async () => wire.close());
  await until('it says what it holds', () => wire.held.bytes === BYTES);
  const block = 128 << 10;
  const asked: Promise<Buffer>[] = [];
  for (let at = 0; at < BYTES; at += block) {
    const length = Math.min(block, BYTES - at);
    asked.push(wire.request(at, length, { priority: 'demand' }));
  }
  t.ok(Buffer.concat(await Promise.all(asked)).equals(blob), 'byte for byte');
  const leaving = new AbortController();
  const left = wire.request(0, block, { priority: 'demand', signal: leaving.signal });
  setImmediate(() => leaving.abort(new Error('enough')));
  await left.catch(() => undefined);
  t.equal((await wire.request(7, 9, { priority: 'demand' })).length, 9, 'after a cancel too');
});
