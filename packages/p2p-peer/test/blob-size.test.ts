/** A wrong size of a blob, whoever names it first, does not keep the right one from being shared. */
import { until } from '@shoal/test-kit';
import t from 'tap';
import { HOME_FAILING_MS } from '../src/swarm/limits.ts';
import { hasSize, SizeQuestions } from '../src/swarm/said-size.ts';
import {
  type ClusterHost,
  CountingOrigin,
  PeerCluster,
  whenReady,
} from './support/peer-cluster.ts';
import { blobIdOf } from './support/sample-bytes.ts';
import { patternedBlob } from './support/wire-pair.ts';

const REPOSITORY = 'registry.test/app';
const HOSTILE = 'hostile.test/image';
const bytes = patternedBlob((4 << 20) + 777);
const blobId = blobIdOf(bytes);
const CHUNK = 300_000;
const WRONG_SIZES = [bytes.length + 1, bytes.length - 1, bytes.length * 3, CHUNK];

t.setTimeout(120_000);

function openOrigin(): CountingOrigin {
  return new CountingOrigin(new Map([[blobId, bytes]]));
}

/** Reads a chunk of an image that names this size, and says that it was right. */
async function readAs(
  { peer }: ClusterHost,
  origin: CountingOrigin,
  sizeBytes: number,
  { offset = 0, repository = REPOSITORY } = {},
): Promise<boolean> {
  const source = peer.source(origin, repository);
  const found = await source.read({ blobId, sizeBytes }, offset, CHUNK, {
    onVerdict: (listener) => listener(offset, CHUNK, 'right'),
  });
  return found.equals(bytes.subarray(offset, offset + CHUNK));
}

t.test('a hostile image names a wrong size first, and again and again', async (t) => {
  for (const wrong of WRONG_SIZES) {
    const origin = openOrigin();
    const cluster = await PeerCluster.open(t, origin);
    const seed = await cluster.start('seed', 'seed');
    const a = await cluster.start('a', 'peer', { seeds: [seed.facts] });
    await whenReady(seed, a);
    t.ok(await readAs(a, origin, wrong, { repository: HOSTILE }), 'its reader has his bytes');
    t.equal(a.peer.status().store.bytesSettled, 0, 'and nothing of it is shared');
    t.ok(await readAs(a, origin, bytes.length));
    await until('it is held', () => a.peer.status().store.bytesSettled === CHUNK);
    t.ok(await readAs(a, origin, wrong, { repository: HOSTILE }));
    const before = a.peer.status().traffic.store;
    t.ok(await readAs(a, origin, bytes.length));
    t.equal(a.peer.status().traffic.store, before + CHUNK, 'it is held still');
    const stranger = { blobId, repository: REPOSITORY, bytes: bytes.subarray(0, wrong) };
    if (wrong < bytes.length) await t.rejects(cluster.dial('stranger', a, stranger));
  }
});

t.test('reads of a wrong size that are under way end at the origin', async (t) => {
  const origin = openOrigin();
  const cluster = await PeerCluster.open(t, origin);
  const a = await cluster.start('a', 'peer');
  await whenReady(a);
  origin.delayMs = 100;
  const hostile = readAs(a, origin, bytes.length + 5, { repository: HOSTILE });
  const right = [0, CHUNK].map((offset) => readAs(a, origin, bytes.length, { offset }));
  t.strictSame(await Promise.all([hostile, ...right]), [true, true, true]);
  t.ok(await readAs(a, origin, bytes.length, { offset: 2 * CHUNK }));
  await until('it is held', () => a.peer.status().store.bytesSettled > 0);
});

t.test('a stranger names a wrong size to a home first', async (t) => {
  const origin = openOrigin();
  const cluster = await PeerCluster.open(t, origin);
  const seed = await cluster.start('seed', 'seed');
  const wrong = { blobId, repository: REPOSITORY, bytes: bytes.subarray(0, CHUNK) };
  const stranger = await cluster.dial('stranger', seed, wrong);
  const a = await cluster.start('a', 'peer', { seeds: [seed.facts] });
  const b = await cluster.start('b', 'peer', { seeds: [seed.facts] });
  await whenReady(seed, a, b);
  t.ok(await readAs(a, origin, bytes.length));
  await stranger.closed;
  t.pass('the stranger is sent away');
  t.ok(await readAs(b, origin, bytes.length));
  t.equal(origin.bytes, CHUNK, 'the origin gives it once');
  await t.rejects(cluster.dial('again', seed, wrong), 'it is of no use to name it again');
  t.ok(await readAs(b, origin, bytes.length, { offset: CHUNK }));
  await until('the home has sent both', () => seed.peer.status().traffic.upload >= 2 * CHUNK);
});

t.test('what is stored is not lost to a wrong size after a restart', async (t) => {
  const origin = openOrigin();
  const cluster = await PeerCluster.open(t, origin);
  const first = await cluster.start('a', 'peer');
  await whenReady(first);
  t.ok(await readAs(first, origin, bytes.length));
  await until('it is held', () => first.peer.status().store.bytesSettled === CHUNK);
  await first.peer.close();
  const again = await cluster.start('a', 'peer');
  await whenReady(again);
  t.ok(await readAs(again, origin, bytes.length + 1, { repository: HOSTILE }));
  const before = origin.bytes;
  t.ok(await readAs(again, origin, bytes.length));
  t.equal(origin.bytes, before, 'it is here');
});

t.test('an origin that tells no size confirms none', async (t) => {
  const origin = openOrigin();
  origin.tellsSizes = false;
  t.notOk(await hasSize(origin, { blobId, sizeBytes: bytes.length }));
  const cluster = await PeerCluster.open(t, origin);
  const a = await cluster.start('a', 'peer');
  await whenReady(a);
  t.ok(await readAs(a, origin, bytes.length), 'the first one is taken');
  t.ok(await readAs(a, origin, bytes.length + 1), 'another one is read from the origin');
  await until('it is held', () => a.peer.status().store.bytesSettled === CHUNK);
});

t.test('strangers cause few questions', async (t) => {
  const origin = openOrigin();
  let nowMs = 0;
  const questions = new SizeQuestions(() => nowMs);
  const wrong = { blobId, sizeBytes: 5 };
  const right = { blobId, sizeBytes: bytes.length };
  const ask = (blob: typeof right) => questions.ask(origin, REPOSITORY, blob);
  t.strictSame(await Promise.all([ask(wrong), ask(right)]), [false, true], 'one for both');
  t.notOk(await ask(wrong));
  t.ok(await ask(right), 'a wrong size named before keeps nobody away');
  t.equal(origin.reads.length, 1);
  nowMs += HOME_FAILING_MS;
  origin.isDown = true;
  t.notOk(await ask(right));
  origin.isDown = false;
  t.notOk(await ask(right), 'not again soon after it');
  t.ok(await questions.ask(origin, HOSTILE, right), 'another repository is another question');
});
