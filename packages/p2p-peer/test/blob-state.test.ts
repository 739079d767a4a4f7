/** The states of bytes, compared with one letter for each byte, through long sequences of changes. */
import t from 'tap';
import type { ByteRange } from '../src/index.ts';
import { RangeSet } from '../src/ranges/range-set.ts';
import { BlobState, type FlushBatch } from '../src/store/blob-state.ts';
import { randomOf } from './support/random.ts';

const SIZE = 120;
const ALL = { start: 0, end: SIZE };

/**
 * `.` free, `t` taken, `f` held and fresh, `s` being synced, `h` held, `g` gone, `p` spare, `l` lent. What
 * is being written is told apart: it may be lent meanwhile.
 */
type Letter = '.' | 't' | 'f' | 's' | 'h' | 'g' | 'p' | 'l';

class Model {
  readonly letters: Letter[] = Array.from({ length: SIZE }, () => '.');
  readonly isWriting: boolean[] = Array.from({ length: SIZE }, () => false);
  /** What the records say. */
  recorded = new RangeSet();

  is(range: ByteRange, among: string): boolean {
    return this.letters.slice(range.start, range.end).every((letter) => among.includes(letter));
  }

  change(range: ByteRange, from: string, to: Letter): void {
    for (let at = range.start; at < range.end; at++) {
      if (from.includes(this.letters[at] ?? '?')) this.letters[at] = to;
    }
  }

  /** Nobody writes there. */
  idle(among: string): ByteRange[] {
    const writing = new RangeSet();
    for (const [at, isWriting] of this.isWriting.entries()) {
      if (isWriting) writing.add({ start: at, end: at + 1 });
    }
    return this.runs(among).flatMap((run) => writing.missing(run));
  }

  setWriting({ start, end }: ByteRange, isWriting: boolean): void {
    this.isWriting.fill(isWriting, start, end);
  }

  runs(among: string): ByteRange[] {
    const set = new RangeSet();
    for (const [at, letter] of this.letters.entries()) {
      if (among.includes(letter)) set.add({ start: at, end: at + 1 });
    }
    return [...set];
  }
}

class Scene {
  readonly state = new BlobState(SIZE);
  readonly model = new Model();
  readonly #random: () => number;
  readonly #writing: ByteRange[][] = [];
  #batch: FlushBatch | undefined;
  /** When the flush began. */
  #goneBefore: readonly ByteRange[] = [];
  readonly #goneSince = new RangeSet();

  constructor(seed: number) {
    this.#random = randomOf(seed);
  }

  step(t: Tap): void {
    const choice = Math.floor(this.#random() * 12);
    const range = this.#range();
    if (choice <= 1) this.#claim(t, range);
    else if (choice === 2) this.#endWriting();
    else if (choice === 3) this.#settle(range);
    else if (choice === 4) this.#release(range);
    else if (choice === 5) this.#refute(range);
    else if (choice <= 7) this.#flush(t);
    else if (choice === 8) this.#lend(range);
    else if (choice === 9) this.#makeHole(t);
    else if (this.#random() < 0.05) this.#reset();
    this.#compare(t);
  }

  #range(): ByteRange {
    const start = Math.floor(this.#random() * SIZE);
    return { start, end: Math.min(SIZE, start + 1 + Math.floor(this.#random() * 30)) };
  }

  #claim(t: Tap, range: ByteRange): void {
    const parts = this.state.claim(range);
    const free = this.model.idle('.').flatMap((run) => RangeSet.from([run]).intersect(range));
    t.strictSame(parts, free, 'what is claimed was free');
    const told = parts.flatMap((part) => this.model.recorded.intersect(part));
    t.strictSame(told, [], 'and no record tells of it');
    for (const part of parts) this.model.setWriting(part, true);
    if (parts.length > 0) this.#writing.push(parts);
  }

  #endWriting(): void {
    const parts = this.#writing.shift();
    if (parts === undefined) return;
    const isWritten = this.#random() < 0.8;
    this.state.endWriting(parts, isWritten);
    for (const part of parts) this.model.setWriting(part, false);
    for (const part of parts) this.model.change(part, '.', isWritten ? 't' : '.');
  }

  #settle(range: ByteRange): void {
    this.state.settle(range);
    this.model.change(range, 't', 'f');
  }

  #release(range: ByteRange): void {
    this.state.release(range);
    this.model.change(range, 't', '.');
  }

  #refute(range: ByteRange): void {
    for (const gone of this.state.refute(range)) this.#goneSince.add(gone);
    this.model.change(range, 'fshl', 'g');
  }

  #lend(range: ByteRange): void {
    this.state.lend(range);
    this.model.change(range, '.tfshgp', 'l');
  }

  #makeHole(t: Tap): void {
    const hole = this.state.spare.nextHole();
    if (hole === undefined) {
      t.strictSame(this.model.idle('p'), [], 'nothing is left that could be a hole');
      return;
    }
    t.ok(
      this.model.is({ ...hole, end: Math.min(hole.end, SIZE) }, '.pl'),
      'nobody wants what becomes a hole',
    );
    t.notOk(this.model.isWriting.slice(hole.start, hole.end).includes(true));
    t.strictSame(this.model.recorded.intersect(hole), [], 'and no record tells of it');
    this.state.spare.end(hole);
    this.model.change(hole, 'p', '.');
  }

  #flush(t: Tap): void {
    if (this.#batch === undefined) {
      this.#batch = this.state.beginFlush();
      this.#goneBefore = this.model.runs('g');
      this.#goneSince.clear();
      this.model.change(ALL, 'f', 's');
      return;
    }
    const batch = this.#batch;
    this.#batch = undefined;
    const outcome = this.#random();
    if (outcome < 0.2) {
      this.state.failFlush(batch);
      this.model.change(ALL, 'fs', 'g');
      this.model.change(ALL, 't', '.');
    } else if (outcome < 0.4) {
      this.state.repeatFlush(batch);
      this.model.change(ALL, 's', 'h');
    } else {
      this.model.change(ALL, 's', 'h');
      const recorded = this.state.recordable(0);
      t.strictSame(recorded, this.model.runs('h'), 'only what was synced is recorded');
      t.equal(this.state.recordableBytes, RangeSet.from(recorded).bytes);
      if (batch.segments.size > 0) this.model.recorded = RangeSet.from(recorded);
      this.state.endFlush(batch);
      const left = this.#goneBefore.flatMap((range) => this.#goneSince.missing(range));
      for (const range of left) this.model.change(range, 'g', 'p');
    }
  }

  /** With the file its records go. */
  #reset(): void {
    this.state.reset();
    this.model.change(ALL, 'tfshgp', '.');
    this.model.recorded = new RangeSet();
    this.#batch = undefined;
    this.#goneBefore = [];
  }

  #compare(t: Tap): void {
    t.strictSame([...this.state.held], this.model.runs('fshl'));
    t.strictSame([...this.state.lent], this.model.runs('l'));
    const told = [...this.model.recorded].filter((range) => !this.model.is(range, 'fshgl'));
    t.strictSame(told, [], 'what records tell of is there, or blocked');
    const range = this.#range();
    t.equal(this.state.isStored(range), this.model.is(range, 'tfshl'));
  }
}

type Tap = {
  readonly strictSame: (found: unknown, wanted: unknown, message?: string) => unknown;
  readonly equal: (found: unknown, wanted: unknown, message?: string) => unknown;
  readonly ok: (found: unknown, message?: string) => unknown;
  readonly notOk: (found: unknown, message?: string) => unknown;
};

t.test('bytes are in the state that they must be in', async (t) => {
  for (let seed = 1; seed <= 150; seed++) {
    const differences: unknown[] = [];
    // One assertion for each seed: a report of a hundred thousand is read by nobody.
    const quiet: Tap = {
      strictSame: (a, b, message) =>
        JSON.stringify(a) === JSON.stringify(b) || differences.push([a, b, message]),
      equal: (a, b, message) => a === b || differences.push([a, b, message]),
      ok: (a, message) => Boolean(a) || differences.push([a, message]),
      notOk: (a, message) => !a || differences.push([a, message]),
    };
    const scene = new Scene(seed);
    for (let step = 0; step < 300 && differences.length === 0; step++) scene.step(quiet);
    t.strictSame(differences, [], `seed ${seed}`);
  }
});

t.test('the file may change only when the number of releases does', async (t) => {
  const state = new BlobState(SIZE);
  state.endWriting(state.claim(ALL), true);
  state.settle({ start: 0, end: 50 });
  const { releases, drops } = state;
  t.strictSame(state.claim(ALL), [], 'nothing is free');
  t.equal(state.releases, releases);
  state.release({ start: 60, end: 70 });
  t.ok(state.releases > releases);
  t.equal(state.drops, drops, 'held bytes are as they were');
  state.refute({ start: 10, end: 20 });
  t.ok(state.drops > drops);
  t.strictSame(state.claim(ALL), [{ start: 60, end: 70 }], 'what is gone is not free yet');
});
