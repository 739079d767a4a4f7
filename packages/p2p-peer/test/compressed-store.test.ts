/** What a store holds, serves, judges and keeps over a restart. */
import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { PIECE_BYTES } from '../src/limits.ts';
import { sampleBytes } from './support/sample-bytes.ts';
import { put, storeFixture, wrongRanges } from './support/store-fixture.ts';

const MIB = 1 << 20;
const sample = sampleBytes(1, 5 * MIB + 123);
const size = sample.bytes.length;

t.test('only what was judged right is held and read', async (t) => {
  const fixture = storeFixture(t);
  const store = await fixture.open();
  await using blob = await store.blob(sample.blobId, size);
  const deposit = blob.deposit();
  t.ok(await deposit.write(100, sample.bytes.subarray(100, 1000)));
  t.equal(blob.held.count, 0);
  t.equal(await blob.read(100, 10), undefined, 'nobody has judged it');
  t.ok((await blob.readUnsettled(100, 900))?.equals(sample.bytes.subarray(100, 1000)));
  t.equal(deposit.settle(200, 100, 'right'), 100);
  t.equal(deposit.settle(300, 50, 'wrong'), 50);
  t.strictSame([...blob.held], [{ start: 200, end: 300 }]);
  t.ok((await blob.read(200, 100))?.equals(sample.bytes.subarray(200, 300)));
  t.equal(await blob.read(199, 2), undefined);
  t.equal(await blob.read(200, 101), undefined);
  t.equal(await blob.readUnsettled(290, 20), undefined, 'a wrong range is not there');
  t.ok(blob.isHeld({ start: 250, end: 260 }));
  t.ok(await deposit.write(300, sample.bytes.subarray(300, 350)), 'it can be written again');
  deposit.settle(300, 50, 'right');
  deposit.close();
  t.strictSame([...blob.held], [{ start: 200, end: 350 }]);
  t.equal(await blob.readUnsettled(100, 50), undefined, 'given up with its deposit');
  t.equal(store.stats().bytesWrong, 50);
});

t.test('a verdict reaches only the bytes of its own reader', async (t) => {
  const fixture = storeFixture(t);
  const store = await fixture.open();
  await using blob = await store.blob(sample.blobId, size);
  const liar = blob.deposit();
  const honest = blob.deposit();
  t.ok(await liar.write(0, Buffer.alloc(500, 7)));
  t.notOk(await honest.write(0, sample.bytes.subarray(0, 600)), 'somebody else was faster');
  honest.settle(0, 600, 'right');
  t.strictSame([...blob.held], [{ start: 500, end: 600 }], 'and his bytes are not judged');
  liar.settle(0, 500, 'wrong');
  t.ok(await honest.write(0, sample.bytes.subarray(0, 600)));
  liar.settle(0, 500, 'right');
  t.strictSame([...blob.held], [{ start: 500, end: 600 }]);
  liar.close();
  honest.settle(0, 600, 'right');
  t.strictSame(await wrongRanges(blob, sample), []);
  t.equal(blob.held.bytes, 600);
  const late = blob.deposit();
  t.ok(await late.write(0, Buffer.alloc(600)), 'what is held is not written again');
  late.settle(0, 600, 'wrong');
  t.equal(blob.held.bytes, 600, 'nor given up for bytes that lie elsewhere');
});

t.test('what was flushed is there after a restart, and nothing else', async (t) => {
  const fixture = storeFixture(t);
  const first = await fixture.open();
  const blob = await first.blob(sample.blobId, size);
  await put(blob, sample, 0, 1000);
  await put(blob, sample, 2 * MIB, 3 * MIB);
  const hash = createHash('sha256').update('piece').digest();
  t.equal(blob.setPieceHash(2, hash), 'new');
  const unjudged = blob.deposit();
  await unjudged.write(4 * MIB, sample.bytes.subarray(4 * MIB, 5 * MIB));
  t.ok(await first.flush());
  t.match(first.list(), [{ blobId: sample.blobId, heldBytes: 1000 + MIB, sizeBytes: size }]);
  await first.close();
  await first.close();
  const second = await fixture.open();
  t.match(second.facts(sample.blobId), { heldBytes: 1000 + MIB, isComplete: false });
  t.ok(second.bytes >= 1000 + MIB && second.bytes < size, 'what the file takes');
  await using again = await second.blob(sample.blobId, size);
  t.strictSame(
    [...again.held],
    [
      { start: 0, end: 1000 },
      { start: 2 * MIB, end: 3 * MIB },
    ],
  );
  t.strictSame(await wrongRanges(again, sample), []);
  t.ok(again.pieceHash(2)?.equals(hash));
  t.equal(again.setPieceHash(2, Buffer.alloc(32)), 'other');
  t.equal(again.setPieceHash(2, hash), 'same');
  t.equal(again.setPieceHash(6, hash), 'none');
});

t.test('bytes that were held and are wrong are not held any more', async (t) => {
  const fixture = storeFixture(t);
  const first = await fixture.open();
  const blob = await first.blob(sample.blobId, size);
  await put(blob, sample, 0, MIB);
  t.ok(await first.flush());
  blob.refute(1000, 24);
  t.equal(await blob.read(1000, 1), undefined);
  t.strictSame(fixture.lost, [[sample.blobId, [{ start: 1000, end: 1024 }]]]);
  await first.flush();
  t.ok(await put(blob, sample, 1000, 1010));
  await first.close();
  const second = await fixture.open();
  await using again = await second.blob(sample.blobId, size);
  t.strictSame([...again.held].length, 2);
  t.equal(again.held.bytes, MIB - 14);
});

t.test('a whole blob is held when its digest is right', async (t) => {
  const fixture = storeFixture(t);
  const store = await fixture.open();
  await using blob = await store.blob(sample.blobId, size);
  await put(blob, sample, 0, 1000);
  t.ok(await blob.write(1000, sample.bytes.subarray(1000, size - 1)));
  t.equal(await blob.completeBlob(), 'unknown', 'a byte is missing');
  t.ok(await blob.write(size - 1, sample.bytes.subarray(size - 1)));
  t.equal(await blob.completeBlob(), 'right');
  t.ok(blob.isComplete);
  t.equal(blob.held.bytes, size);
  await store.close();
  const second = await fixture.open();
  await using again = await second.blob(sample.blobId, size);
  t.ok(again.isComplete);
  t.ok((await again.read(0, size))?.equals(sample.bytes));
  again.refute(5, 1);
  t.notOk(again.isComplete);
  t.ok(await second.flush());
  t.match(second.facts(sample.blobId), { isComplete: false, heldBytes: size - 1 });
});

t.test('of a whole blob that is wrong only what was judged before stays', async (t) => {
  const fixture = storeFixture(t);
  const store = await fixture.open();
  await using blob = await store.blob(sample.blobId, size);
  await put(blob, sample, 0, 1000);
  t.ok(await blob.write(1000, Buffer.alloc(size - 1000)));
  t.equal(await blob.completeBlob(), 'wrong');
  t.strictSame([...blob.held], [{ start: 0, end: 1000 }]);
  t.equal(store.stats().bytesWrong, size - 1000);
  t.ok(await blob.write(1000, sample.bytes.subarray(1000)));
  t.equal(await blob.completeBlob(), 'right');
});

t.test('pieces are judged by the hashes that were told', async (t) => {
  const fixture = storeFixture(t);
  const store = await fixture.open();
  await using blob = await store.blob(sample.blobId, size);
  const hashOf = (piece: number) =>
    createHash('sha256')
      .update(sample.bytes.subarray(piece * PIECE_BYTES, (piece + 1) * PIECE_BYTES))
      .digest();
  for (const piece of [0, 5]) blob.setPieceHash(piece, hashOf(piece));
  await blob.write(0, sample.bytes.subarray(0, 2 * PIECE_BYTES));
  await blob.write(5 * PIECE_BYTES, sample.bytes.subarray(5 * PIECE_BYTES));
  t.equal(await blob.verifyPiece(1), 'unknown', 'nobody has told its hash');
  t.equal(await blob.verifyPiece(0), 'right');
  t.equal(await blob.verifyPiece(5), 'right', 'the last one is shorter');
  t.ok((await blob.hashPiece(0))?.equals(hashOf(0)));
  t.equal(await blob.hashPiece(1), undefined, 'nobody has judged it');
  blob.setPieceHash(1, hashOf(2));
  t.equal(await blob.verifyPiece(1), 'wrong');
  t.equal(blob.setPieceHash(1, hashOf(1)), 'other', 'what was told first stays');
  t.equal(blob.held.bytes, PIECE_BYTES + (size - 5 * PIECE_BYTES));
});

t.test('what makes no sense is refused', async (t) => {
  const fixture = storeFixture(t);
  const store = await fixture.open();
  await using blob = await store.blob(sample.blobId, size);
  for (const sizeBytes of [0, -1, 0.5, Number.NaN, 2 ** 50]) {
    await t.rejects(store.blob(sample.blobId, sizeBytes), { code: 'ERR_P2P_STORED_BLOB_SIZE' });
  }
  await t.rejects(store.blob(sample.blobId, size + 1), { code: 'ERR_P2P_STORED_BLOB_SIZE' });
  const deposit = blob.deposit();
  t.notOk(await deposit.write(size - 1, Buffer.alloc(2)));
  t.notOk(await deposit.write(-1, Buffer.alloc(2)));
  t.notOk(await deposit.write(0, Buffer.alloc(0)));
  t.equal(deposit.settle(-5, 1, 'right'), 0);
  t.equal(await blob.read(0, -1), undefined);
  t.equal(await blob.read(size, 1), undefined);
  t.equal(await blob.verifyPiece(99), 'unknown');
  await t.rejects(fixture.open(), { code: 'ERR_P2P_STORE_LOCKED' });
});

t.test('files are private and as long as their blob', async (t) => {
  const fixture = storeFixture(t);
  const store = await fixture.open();
  await using blob = await store.blob(sample.blobId, size);
  await put(blob, sample, 0, 10);
  const shard = join(fixture.directory, 'blobs', sample.blobId.slice(0, 2));
  const facts = statSync(join(shard, sample.blobId));
  t.strictSame([facts.mode & 0o777, facts.size], [0o600, size]);
  for (const path of [fixture.directory, join(fixture.directory, 'index'), shard]) {
    t.equal(statSync(path).mode & 0o777, 0o700, path);
  }
  t.ok(facts.blocks * 512 < size, 'with holes');
});

t.test('a closed blob or store answers nothing and harms nothing', async (t) => {
  const fixture = storeFixture(t);
  const store = await fixture.open();
  const blob = await store.blob(sample.blobId, size);
  const deposit = blob.deposit();
  await put(blob, sample, 0, 1000);
  await blob.close();
  await blob.close();
  t.notOk(await deposit.write(2000, sample.bytes.subarray(2000, 3000)));
  t.notOk(await blob.deposit().write(2000, sample.bytes.subarray(2000, 3000)));
  t.notOk(await blob.write(2000, sample.bytes.subarray(2000, 3000)));
  t.equal(await blob.read(0, 10), undefined);
  await using again = await store.blob(sample.blobId, size);
  t.equal(again.held.bytes, 1000);
  await store.close();
  t.equal(await again.read(0, 10), undefined);
  t.notOk(await again.write(2000, sample.bytes.subarray(2000, 3000)));
  await t.rejects(store.blob(sample.blobId, size), { code: 'ERR_P2P_STORE_UNUSABLE' });
});
