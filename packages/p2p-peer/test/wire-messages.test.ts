/** Messages of our extension, byte by byte and there and back; the layout of pieces; the wire log. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from '@shoal/test-kit';
import fc from 'fast-check';
import t from 'tap';
import { parseHostName } from '../src/identity/host.ts';
import { RangeSet } from '../src/ranges/range-set.ts';
import type { WireServer } from '../src/wire/blob-wire.ts';
import { PieceLayout } from '../src/wire/blocks/piece-layout.ts';
import { decodeAskHashes, encodeAskHashes } from '../src/wire/extension/ask-hashes.ts';
import { decodeHashes, encodeHashes } from '../src/wire/extension/hashes.ts';
import { decodeHaveRanges, encodeHaveRanges } from '../src/wire/extension/have-ranges.ts';
import { encodeMetadataAnswer } from '../src/wire/extension/metadata.ts';
import { decodeNeighbours, encodeNeighbours } from '../src/wire/extension/neighbours.ts';
import { decodeUnavailable, encodeUnavailable } from '../src/wire/extension/unavailable.ts';
import { openWire } from '../src/wire/handshakes/open-wire.ts';
import { JsonLinesWireLog } from '../src/wire/wire-log.ts';
import { TestCluster } from './support/test-cluster.ts';
import {
  BufferServer,
  dialOptions,
  listen,
  patternedBlob,
  sharedBlob,
} from './support/wire-pair.ts';

const MALFORMED = { code: 'ERR_P2P_WIRE_PROTOCOL' };

t.test('messages as they stand on the wire', async (t) => {
  t.equal(encodeHaveRanges([{ start: 0, end: 1 }]).toString('hex'), '01010000');
  t.equal(encodeAskHashes({ firstPiece: 258, count: 3 }).toString('hex'), '02000001020003');
  t.equal(
    encodeHashes({ firstPiece: 1, count: 2, hashes: [undefined, Buffer.alloc(32, 9)] }).toString(
      'hex',
    ),
    `0300000001000240${'09'.repeat(32)}`,
  );
  t.equal(
    encodeUnavailable({ index: 1, offset: 2, length: 3 }).toString('hex'),
    '04000000010000000200000003',
  );
  const host = parseHostName('n');
  const one = { host, role: 'peer', zone: '', rack: 'r', address: 'n:1' } as const;
  t.equal(
    encodeNeighbours([one]).toString(),
    '\x05ld4:addr3:n:14:host1:n4:rack1:r4:role4:peer4:zone0:ee',
  );
  t.same(decodeNeighbours(encodeNeighbours([one])), [one]);
  t.throws(
    () => decodeNeighbours(encodeNeighbours(Array.from({ length: 21 }, () => one))),
    MALFORMED,
  );
  t.throws(() => encodeHashes({ firstPiece: 0, count: 1, hashes: [Buffer.alloc(20)] }), RangeError);
});

t.test('there and back', async (t) => {
  const piece = fc.integer({ min: 0, max: 0xffff_ffff });
  const hash = fc.option(fc.uint8Array({ minLength: 32, maxLength: 32 }), { nil: undefined });
  fc.assert(
    fc.property(piece, fc.array(hash, { minLength: 1, maxLength: 70 }), (firstPiece, list) => {
      const hashes = list.map((bytes) => (bytes === undefined ? undefined : Buffer.from(bytes)));
      const answer = { firstPiece, count: hashes.length, hashes };
      t.same(decodeHashes(encodeHashes(answer)), answer);
    }),
  );
  const range = fc.tuple(fc.nat(1 << 30), fc.integer({ min: 1, max: 1 << 20 }));
  fc.assert(
    fc.property(fc.array(range, { maxLength: 100 }), (list) => {
      const ranges = [
        ...RangeSet.from(list.map(([start, size]) => ({ start, end: start + size }))),
      ];
      t.same(decodeHaveRanges(encodeHaveRanges(ranges), 2 ** 31), ranges);
    }),
  );
  const block = { index: 0xffff_ffff, offset: 5, length: 131_072 };
  t.same(decodeUnavailable(encodeUnavailable(block)), block);
});

t.test('what is short, long or impossible is refused', async (t) => {
  const question = encodeAskHashes({ firstPiece: 8, count: 2 });
  t.same(decodeAskHashes(question, 10), { firstPiece: 8, count: 2 });
  t.throws(() => decodeAskHashes(question, 9), MALFORMED);
  t.throws(() => decodeAskHashes(question.subarray(0, 6), 10), MALFORMED);
  t.throws(() => decodeAskHashes(encodeAskHashes({ firstPiece: 0, count: 1025 }), 5000), MALFORMED);
  const hashes = encodeHashes({ firstPiece: 0, count: 3, hashes: [Buffer.alloc(32)] });
  for (let length = 1; length < hashes.length; length++) {
    t.throws(() => decodeHashes(hashes.subarray(0, length)), MALFORMED);
  }
  t.throws(() => decodeHashes(Buffer.concat([hashes, Buffer.alloc(1)])), MALFORMED);
  const spare = Buffer.from(hashes);
  spare[7] = 0x81;
  t.throws(() => decodeHashes(spare), MALFORMED);
  const ranges = encodeHaveRanges([{ start: 5, end: 100 }]);
  t.throws(() => decodeHaveRanges(ranges, 99), MALFORMED);
  t.throws(() => decodeHaveRanges(ranges.subarray(0, 3), 1000), MALFORMED);
  t.throws(() => decodeUnavailable(Buffer.alloc(12)), MALFORMED);
});

t.test('pieces of a torrent that are asked for', async (t) => {
  const info = patternedBlob(40_000);
  const [first, last] = [encodeMetadataAnswer(info, 0), encodeMetadataAnswer(info, 2)];
  const head = (piece: number) => `d8:msg_typei1e5:piecei${piece}e10:total_sizei40000ee`;
  t.ok(first.equals(Buffer.concat([Buffer.from(head(0)), info.subarray(0, 16_384)])));
  t.ok(last.equals(Buffer.concat([Buffer.from(head(2)), info.subarray(32_768)])));
  for (const piece of [3, -1, 2 ** 50]) {
    t.equal(encodeMetadataAnswer(info, piece).toString(), `d8:msg_typei2e5:piecei${piece}ee`);
  }
});

t.test('pieces and blocks of a blob', async (t) => {
  const layout = new PieceLayout(2 ** 40 + 1, 1 << 20, 128 << 10);
  t.equal(layout.pieceCount, (1 << 20) + 1);
  const block = { index: 1 << 20, offset: 0, length: 1, start: 2 ** 40 };
  t.same(layout.blockAt(2 ** 40, 1), block);
  t.same(layout.checkBlock(block), block);
  t.same(layout.pieceRange(1 << 20), { start: 2 ** 40, end: 2 ** 40 + 1 });
  const small = new PieceLayout(35, 10, 10);
  t.same(small.rangesOfBitfield(Buffer.of(0b1101_0000)), [
    { start: 0, end: 20 },
    { start: 30, end: 35 },
  ]);
  t.same(small.rangesOfBitfield(Buffer.of(0b1111_0000)), [{ start: 0, end: 35 }]);
  t.same(new PieceLayout(80, 10, 10).rangesOfBitfield(Buffer.of(0xff)), [{ start: 0, end: 80 }]);
  t.same(small.rangesOfBitfield(Buffer.of(0)), []);
  t.throws(() => new PieceLayout(2 ** 53, 1 << 20, 1), RangeError);
});

t.test('the log has sizes and names, no bytes and no secrets', async (t) => {
  const path = join(temporaryDirectory(t), 'wire.jsonl');
  const log = new JsonLinesWireLog(path);
  const cluster = await TestCluster.open(t);
  const [seed, peer] = await Promise.all([cluster.host('s', { role: 'seed' }), cluster.host('p')]);
  const blob = patternedBlob(1 << 20);
  const server: WireServer = new BufferServer(blob);
  const listener = await listen(t, seed, { accept: () => sharedBlob(server, blob.length) });
  const options = dialOptions(peer, seed, listener, sharedBlob(server, blob.length, false));
  const wire = await openWire({ ...options, log });
  await wire.request(4096, 8192, { priority: 'demand' });
  await wire.askHashes(0, 1);
  await wire.close();
  await log.close();
  await log.close();
  log.record({ direction: 'in', type: 'late', swarm: undefined, peer: undefined, length: 0 });
  t.equal(log.dropped, 1);
  const text = readFileSync(path, 'utf8');
  const records = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  t.same(records.map(({ direction, type }) => `${direction} ${type}`).slice(0, 4), [
    'out handshake',
    'out extended:0',
    'in handshake',
    'in extended:handshake',
  ]);
  const request = { type: 'request', piece: 0, offset: 4096, length: 8192 };
  t.match(
    records.find(({ type }) => type === 'request'),
    { ...request, direction: 'out' },
  );
  t.match(
    records.find(({ type }) => type === 'piece'),
    { ...request, type: 'piece', direction: 'in' },
  );
  t.ok(records.some(({ type }) => type === 'extended:shoal'));
  for (const secret of [peer, seed].map(({ trust }) => trust.token() ?? '')) {
    t.ok(secret.length > 50 && !text.includes(secret.slice(10, 40)));
  }
});

t.test(
  'a log that is long enough gets no more lines, and one that cannot be written says so',
  async (t) => {
    const path = join(temporaryDirectory(t), 'wire.jsonl');
    const log = new JsonLinesWireLog(path, { bytesMax: 150 });
    const record = { direction: 'in', type: 'request', swarm: 's', peer: 'p', length: 1 } as const;
    for (let turn = 0; turn < 5; turn++) log.record(record);
    await log.close();
    t.equal(readFileSync(path, 'utf8').trim().split('\n').length, 2);
    t.equal(log.dropped, 3);
    const failed = Promise.withResolvers<unknown>();
    const nowhere = new JsonLinesWireLog(join(path, 'below-a-file'), { onFailed: failed.resolve });
    t.match(await failed.promise, { code: 'ENOTDIR' });
    nowhere.record(record);
    t.equal(nowhere.dropped, 1);
    await nowhere.close();
  },
);
