/**
 * Writes into a store until it is killed: right bytes, wrong ones that are found out, some that nobody
 * judges, evictions, some that a lender has and loses again. A line `kept` for what was durable at that time, and a line `gone` before anything is
 * given up. Arguments: directory, seed, blobs, bytes of each.
 */
import { CodecPool } from '@shoal/blob-store/codec-pool';
import { RangeSet } from '../../src/ranges/range-set.ts';
import { CompressedStore } from '../../src/store/compressed-store.ts';
import type { StoredBlob } from '../../src/store/stored-blob.ts';
import { randomOf } from './random.ts';
import { type SampleBytes, sampleBytes } from './sample-bytes.ts';
import { SampleLender } from './sample-lender.ts';

const WRITE_BYTES_MAX = 200 << 10;
const AT_ONCE = 6;

const [directory = '', seed = '1', count = '1', size = '1'] = process.argv.slice(2);
const random = randomOf(Number(seed));
const pool = new CodecPool({ threads: 1 });
const samples = Array.from({ length: Number(count) }, (_, at) => sampleBytes(at, Number(size)));
// What he has is gone with this process.
const lender = new SampleLender(samples);
const store = await CompressedStore.open(
  { directory, bytesMax: 2 ** 40, durableDelayMs: 3 },
  { pool, lender },
);
const blobs: { readonly sample: SampleBytes; readonly blob: StoredBlob }[] = [];
for (const sample of samples) {
  blobs.push({ sample, blob: await store.blob(sample.blobId, Number(size)) });
}
tell('ready');

for (let round = 0; ; round++) {
  await Promise.all(Array.from({ length: AT_ONCE }, () => writeSome()));
  if (random() < 0.3) refuteSome();
  if (random() < 0.5) lendSome();
  if (round % 5 === 4) await flush();
  if (random() < 0.01) await evictOne();
}

async function writeSome(): Promise<void> {
  const { sample, blob } = any();
  const offset = Math.floor(random() * sample.bytes.length);
  const right = sample.bytes.subarray(offset, offset + 1 + random() * WRITE_BYTES_MAX);
  const isRight = random() < 0.7;
  const isJudged = random() < 0.9;
  const deposit = blob.deposit();
  await deposit.write(offset, isRight ? right : Buffer.alloc(right.length, 0xee));
  if (isJudged) deposit.settle(offset, right.length, isRight ? 'right' : 'wrong');
  if (random() < 0.9) deposit.close();
}

function refuteSome(): void {
  const { sample, blob } = any();
  const offset = Math.floor(random() * (sample.bytes.length - 5000));
  tell(`gone ${blob.blobId} ${offset} ${offset + 5000}`);
  blob.refute(offset, 5000);
  // At once, while records still say that right bytes lie there.
  void blob.deposit().write(offset, Buffer.alloc(5000, 0xdd));
}

function lendSome(): void {
  const { sample, blob } = any();
  const start = Math.floor(random() * (sample.bytes.length - WRITE_BYTES_MAX));
  const range = { start, end: start + 1 + Math.floor(random() * WRITE_BYTES_MAX) };
  tell(`gone ${blob.blobId} ${range.start} ${range.end}`);
  if (random() < 0.6) lender.take(sample, range);
  else lender.lose(sample, range);
}

async function flush(): Promise<void> {
  const held = blobs.map(({ blob }) => {
    const own = RangeSet.from(blob.held);
    for (const lent of lender.rangesOf(blob)) own.remove(lent);
    return `kept ${blob.blobId} ${own.encode().toString('hex')}`;
  });
  if (await store.flush()) for (const line of held) tell(line);
}

async function evictOne(): Promise<void> {
  for (const { sample, blob } of blobs) tell(`gone ${blob.blobId} 0 ${sample.bytes.length}`);
  await store.evict(1);
}

function any() {
  const found = blobs[Math.floor(random() * blobs.length)];
  if (found === undefined) throw new RangeError('no blobs');
  return found;
}

function tell(line: string): void {
  process.stdout.write(`${line}\n`);
}
