/** Many users of a store at once, with two descriptors, wrong bytes, evictions, a lender and a disk that fails at times. */
import { until } from '@shoal/test-kit';
import t from 'tap';
import type { ByteRange } from '../src/index.ts';
import { REAL_STORE_IO, type StoreIo } from '../src/store/blob-files.ts';
import type { CompressedStore } from '../src/store/compressed-store.ts';
import type { StoredBlob } from '../src/store/stored-blob.ts';
import { randomOf } from './support/random.ts';
import { type SampleBytes, sampleBytes } from './support/sample-bytes.ts';
import { SampleLender } from './support/sample-lender.ts';
import { storeFixture, wrongRanges } from './support/store-fixture.ts';

const BLOB_BYTES = 300_000;
const USERS = 24;
const STEPS = 120;
const samples = Array.from({ length: 7 }, (_, seed) => sampleBytes(100 + seed, BLOB_BYTES));

/** Each twentieth call fails. */
function shakyIo(random: () => number): StoreIo {
  const orFail = async (task: () => Promise<void>): Promise<void> => {
    if (random() < 0.05) throw Object.assign(new Error('EIO'), { code: 'EIO' });
    await task();
  };
  return {
    write: (file, bytes, position) => orFail(() => REAL_STORE_IO.write(file, bytes, position)),
    sync: (file) => orFail(() => REAL_STORE_IO.sync(file)),
    record: (write) => orFail(write),
    punch: REAL_STORE_IO.punch,
  };
}

class User {
  readonly #store: CompressedStore;
  readonly #lender: SampleLender;
  readonly #random: () => number;
  wrongReads = 0;
  rightReads = 0;

  constructor(store: CompressedStore, lender: SampleLender, seed: number) {
    this.#store = store;
    this.#lender = lender;
    this.#random = randomOf(seed);
  }

  async run(): Promise<void> {
    for (let step = 0; step < STEPS; step++) {
      const sample = samples[Math.floor(this.#random() * samples.length)] ?? sampleBytes(0, 1);
      await using blob = await this.#store.blob(sample.blobId, BLOB_BYTES);
      for (let more = 0; more < 3; more++) await this.#act(blob, sample);
    }
  }

  async #act(blob: StoredBlob, sample: SampleBytes): Promise<void> {
    const choice = this.#random();
    const start = Math.floor(this.#random() * BLOB_BYTES);
    const right = sample.bytes.subarray(start, start + 1 + this.#random() * 40_000);
    if (choice < 0.4) await this.#write(blob, start, right);
    else if (choice < 0.85) await this.#read(blob, start, right);
    else if (choice < 0.9) blob.refute(start, right.length);
    else if (choice < 0.93) await this.#complete(blob, sample);
    else if (choice < 0.97) await this.#store.flush();
    else if (choice < 0.98) await this.#store.evict(1);
    else this.#lend(sample, { start, end: start + right.length });
  }

  #lend(sample: SampleBytes, range: ByteRange): void {
    const choice = this.#random();
    if (choice < 0.7) this.#lender.take(sample, range);
    else this.#lender.lose(sample, range, choice < 0.9);
  }

  async #write(blob: StoredBlob, start: number, right: Buffer): Promise<void> {
    const isRight = this.#random() < 0.7;
    const deposit = blob.deposit();
    await deposit.write(start, isRight ? right : Buffer.alloc(right.length, 0xee));
    deposit.settle(start, right.length, isRight ? 'right' : 'wrong');
    if (this.#random() < 0.9) deposit.close();
  }

  async #read(blob: StoredBlob, start: number, right: Buffer): Promise<void> {
    const found = await blob.read(start, right.length);
    if (found === undefined) return;
    if (found.equals(right)) this.rightReads++;
    else this.wrongReads++;
  }

  async #complete(blob: StoredBlob, { bytes }: SampleBytes): Promise<void> {
    await blob.write(0, bytes);
    await blob.completeBlob();
  }
}

t.test('however many use it, only right bytes are read', async (t) => {
  const fixture = storeFixture(t);
  for (const [round, isShaky] of [false, true].entries()) {
    const io = isShaky ? shakyIo(randomOf(round)) : REAL_STORE_IO;
    const lender = new SampleLender(samples);
    const store = await fixture.open({ filesOpenMax: 2, durableDelayMs: 1 }, { io, lender });
    const users = Array.from(
      { length: USERS },
      (_, at) => new User(store, lender, round * 1000 + at),
    );
    await Promise.all(users.map((user) => user.run()));
    t.equal(
      users.reduce((sum, { wrongReads }) => sum + wrongReads, 0),
      0,
    );
    t.ok(users.reduce((sum, { rightReads }) => sum + rightReads, 0) > 100);
    for (const sample of samples) {
      await using blob = await store.blob(sample.blobId, BLOB_BYTES);
      // What was lost without a word is found out by whoever reads it.
      for (const { start, end } of [...blob.held]) await blob.read(start, end - start);
      t.strictSame(await wrongRanges(blob, sample), []);
    }
    if (!isShaky) await until('no file is written any more', () => store.stats().filesOpen <= 2);
    await store.close();
    t.equal(store.stats().filesOpen, 0);
  }
  const store = await fixture.open();
  for (const sample of samples) {
    await using blob = await store.blob(sample.blobId, BLOB_BYTES);
    t.strictSame(await wrongRanges(blob, sample), [], 'and after a restart');
  }
  t.ok(store.list().length > 0);
});
