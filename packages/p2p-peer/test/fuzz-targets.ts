/** What strangers give peers: torrents, magnet links, ranges, tokens, answers; and records of a store. */
import { generateKeyPairSync } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { parseBlobId } from '@shoal/oci';
import type { FuzzTarget } from '@shoal/test-kit';
import { parseHostName } from '../src/identity/host.ts';
import { parsePeerId } from '../src/identity/peer-id.ts';
import { decodeRanges, encodeRanges } from '../src/ranges/range-codec.ts';
import { PieceHashes } from '../src/store/piece-hashes.ts';
import {
  decodeBlobRecord,
  decodePlacesRecord,
  decodeSegmentRecord,
  encodeBlobRecord,
  encodePlacesRecord,
  encodeSegmentRecord,
} from '../src/store/store-record.ts';
import type { Metainfo } from '../src/torrent/index.ts';
import { decodeMetainfo, encodeMetainfo, formatMagnet, parseMagnet } from '../src/torrent/index.ts';
import { readAnnounceAnswer } from '../src/tracker/client/announce-text.ts';
import { encodeFoundPeers } from '../src/tracker/found-peers.ts';
import { identityOf } from '../src/trust/certificate-identity.ts';
import { signToken, verifyToken } from '../src/trust/index.ts';
import { wireFuzzTargets } from './support/wire-fuzz-targets.ts';

const tokenKeys = generateKeyPairSync('ed25519');
const tokenHost = parseHostName('node-1');

function announceAnswers(): Buffer[] {
  const host = { host: tokenHost, role: 'seed', zone: 'z', rack: 'r', address: 'x:1' } as const;
  const place = { peerId: parsePeerId('ab'.repeat(20)), ip: '10.0.0.1', port: 1, isComplete: true };
  const peers = encodeFoundPeers([
    { ...place, host: undefined },
    { ...place, host: { facts: host } },
  ]);
  const head = `d8:completei1e10:incompletei2e8:intervali30e5:peers${peers.length}:`;
  return [Buffer.concat([Buffer.from(head), peers, Buffer.from('e')])];
}

const announce = ['http://tracker/announce', 'udp://tracker:6969/announce'];

function torrents(): Buffer[] {
  const fields = {
    blobId: parseBlobId('ab'.repeat(32)),
    blobBytes: 300 << 10,
    pieceBytes: 256 << 10,
    pieceHashes: Buffer.alloc(40, 7),
  };
  return [[], announce.slice(1), announce].map(
    (trackers) => encodeMetainfo({ ...fields, announce: trackers }).bytes,
  );
}

const held = [
  { start: 0, end: 60_000 },
  { start: 61_000, end: 61_001 },
  { start: 2 ** 25, end: 2 ** 26 },
];
const KEY = 'a record';

/** Without their checksums, which no change of a bit would pass. */
function blobRecords(): Buffer[] {
  const record = { sizeBytes: 2 ** 30, inode: 5n, generation: 6n, heldBytes: 7, lastUseMs: 8 };
  return [true, false].map((isComplete) =>
    encodeBlobRecord(KEY, { ...record, isComplete }).subarray(0, -4),
  );
}

function segmentRecords(): Buffer[] {
  const hashes = new PieceHashes(2 ** 26);
  for (const piece of [0, 5, 63]) hashes.set(piece, Buffer.alloc(32, piece));
  const record = { generation: 6n, hashes: hashes.segment(0), held };
  return [encodeSegmentRecord(KEY, record).subarray(0, -4)];
}

function sealed(input: Buffer): Buffer {
  const crc = Buffer.alloc(4);
  crc.writeUInt32BE(crc32(input, crc32(KEY)));
  return Buffer.concat([input, crc]);
}

function requireSame(input: Buffer, again: Buffer): void {
  if (!input.equals(again)) throw new TypeError('what decodes has another form');
}

export const fuzzTargets: readonly FuzzTarget[] = [
  { name: 'metainfo', samples: torrents, run: (input): Metainfo => decodeMetainfo(input) },
  {
    name: 'magnet',
    samples: () => torrents().map((bytes) => Buffer.from(formatMagnet(decodeMetainfo(bytes)))),
    run: (input) => parseMagnet(input.toString('utf8')),
  },
  {
    name: 'announce-answer',
    samples: announceAnswers,
    run: (input) => readAnnounceAnswer('x', input),
  },
  {
    name: 'token',
    samples: () => {
      const grant = { host: tokenHost, repositories: ['a/*', 'b/c'], nowMs: 5, lifeMs: 1000 };
      return [Buffer.from(signToken(grant, tokenKeys.privateKey).token)];
    },
    run: (input) => {
      const publicKeys = [tokenKeys.publicKey];
      return verifyToken(input.toString('latin1'), { publicKeys, host: tokenHost, nowMs: 6 });
    },
  },
  {
    name: 'certificate-names',
    samples: () => [Buffer.from('DNS:x, URI:spiffe://shoal/peer/a, URI:"\\u002c"')],
    run: (input) => identityOf({ subjectaltname: input.toString('latin1') }),
  },
  {
    name: 'ranges',
    samples: () => [encodeRanges(held), encodeRanges([])],
    run: (input) => requireSame(input, encodeRanges(decodeRanges(input, { endMax: 2 ** 40 }))),
  },
  {
    name: 'blob-record',
    samples: blobRecords,
    run: (input) =>
      requireSame(sealed(input), encodeBlobRecord(KEY, decodeBlobRecord(KEY, sealed(input)))),
  },
  {
    name: 'segment-record',
    samples: segmentRecords,
    run: (input) =>
      requireSame(sealed(input), encodeSegmentRecord(KEY, decodeSegmentRecord(KEY, sealed(input)))),
  },
  {
    name: 'places-record',
    samples: () => {
      const places = { sizeBytes: 2 ** 30, repositories: ['docker.io/library/debian', 'r.test/a'] };
      return [encodePlacesRecord(KEY, places).subarray(0, -4)];
    },
    run: (input) =>
      requireSame(sealed(input), encodePlacesRecord(KEY, decodePlacesRecord(KEY, sealed(input)))),
  },
  ...wireFuzzTargets,
];
