/**
 * Writes into a store until it is killed: right bytes, wrong ones that are found out, some that nobody
 * judges, evictions. A line `kept` for what was durable at that time, and a line `gone` before anything is
 * given up. Arguments: directory, seed, blobs, bytes of each.
 */
import { CodecPool } from '@shoal/blob-store/codec-pool';
import { CompressedStore } from '../../src/store/compressed-store.ts';
import type { StoredBlob } from '../../src/store/stored-blob.ts';
import { randomOf } from './random.ts';
import { type SampleBytes, sampleBytes } from './sample-bytes.ts';

const WRITE_BYTES_MAX = 200 << 10;
const AT_ONCE = 6;

const [directory = '', seed = '1', count = '1', size = '1'] = process.argv.slice(2);
const random = randomOf(Number(seed));
const pool = new CodecPool({ threads: 1 });
const store = await CompressedStore.open(
  { directory, bytesMax: 2 ** 40, durableDelayMs: 3 },
  { pool },
);
const blobs: { readonly sample: SampleBytes; readonly blob: StoredBlob }[] = [];
for (let index = 0; index < Number(count); index++) {
  const sample = sampleBytes(index, Number(size));
  blobs.push({ sample, blob: await store.blob(sample.blobId, Number(size)) });
}
tell('ready');

for (let round = 0; ; round++) {
  await Promise.all(Array.from({ length: AT_ONCE }, () => writeSome()));
  if (random() < 0.3) refuteSome();
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

async function flush(): Promise<void> {
  const held = blobs.map(({ blob }) => `kept ${blob.blobId} ${blob.held.encode().toString('hex')}`);
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
