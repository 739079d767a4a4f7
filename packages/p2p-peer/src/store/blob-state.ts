/**
 * What is known of the bytes of one stored blob, without any I/O. Each byte is in one of these states:
 *
 *   free -> writing -> taken (in the file, not judged) -> held, fresh (right, in no record) -> held
 *
 * Only free bytes are written, so nothing in the file changes under a reader, a verdict or a hash. A held
 * byte that turns out wrong is gone until no record tells of it any more, then spare until there is a hole
 * in its place, and then free. What somebody lends is held too; what the file has of that is gone.
 */
import { RANGES_MAX } from '../limits.ts';
import type { ByteRange } from '../ranges/byte-range.ts';
import { RangeSet } from '../ranges/range-set.ts';
import { segmentRange, segmentsOf } from './segments.ts';
import { SpareRanges } from './spare-ranges.ts';

/** What a record is about to tell. */
export type FlushBatch = {
  /** Held and in no record; their bytes are on the disk once the file is synced. */
  readonly fresh: RangeSet;
  readonly segments: ReadonlySet<number>;
  /** Of which file. */
  readonly resets: number;
};

export class BlobState {
  readonly sizeBytes: number;
  readonly spare = new SpareRanges((range) => this.#unneeded(range));
  #held = new RangeSet();
  #writing = new RangeSet();
  #taken = new RangeSet();
  #fresh = new RangeSet();
  /** Held, and in somebody else's file. */
  #lent = new RangeSet();
  /** Wrong since the last flush began, and before that one. */
  #gone = new RangeSet();
  #leaving = new RangeSet();
  #writingParts = 0;
  #changed = new Set<number>();
  #epoch = 0;
  #releases = 0;
  #drops = 0;
  #resets = 0;

  constructor(sizeBytes: number) {
    this.sizeBytes = sizeBytes;
  }

  /** Right bytes, here or lent. */
  get held(): RangeSet {
    return this.#held;
  }

  /** Those that are read from somebody else's file. */
  get lent(): RangeSet {
    return this.#lent;
  }

  /** Counts the files that were given up. */
  get resets(): number {
    return this.#resets;
  }

  /** Another one whenever what was written and not judged is given up as a whole. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Counts how often bytes that are in the file became free: between equal counts none changed. */
  get releases(): number {
    return this.#releases;
  }

  /** Counts how often held bytes were given up: between equal counts what was held still is. */
  get drops(): number {
    return this.#drops;
  }

  /** Something is to be recorded. */
  get isChanged(): boolean {
    return this.#changed.size > 0;
  }

  /** From a record. */
  load(range: ByteRange): void {
    this.#held.add(range);
  }

  /** All of it is in the file, judged or not. */
  isStored(range: ByteRange): boolean {
    return this.#held.missing(range).every((gap) => this.#taken.covers(gap));
  }

  /** Marks the free parts of a range as being written; none when there are too many already. */
  claim(range: ByteRange): ByteRange[] {
    const sets = [this.#writing, this.#taken, this.#gone, this.#leaving, this.spare];
    const free = sets.reduce(without, this.#held.missing(range));
    // As many ranges as parts at most: neither `add` nor `remove` finds too many.
    if (this.#writingParts + free.length > RANGES_MAX) return [];
    this.#writingParts += free.length;
    for (const part of free) this.#writing.add(part);
    return free;
  }

  /** The end of what `claim` began; returns the parts that are taken now, others are free again. */
  endWriting(parts: ByteRange[], isWritten: boolean): readonly ByteRange[] {
    this.#writingParts -= parts.length;
    for (const part of parts) this.#writing.remove(part);
    // Somebody has lent them meanwhile.
    for (const part of parts) this.#lent.intersect(part).forEach(this.#drop);
    const taken = [this.#lent, this.#gone, this.#leaving, this.spare].reduce(without, parts);
    if (!isWritten || this.#taken.count + taken.length > RANGES_MAX) return [];
    for (const part of taken) this.#taken.add(part);
    return taken;
  }

  /** Taken bytes are right; returns those that are held now. */
  settle(range: ByteRange): ByteRange[] {
    const right = this.#taken.intersect(range);
    if (right.length === 0 || !this.#takeFromTaken(range)) return [];
    if (isFull(this.#held, right.length) || isFull(this.#fresh, right.length)) {
      this.#releases++;
      return [];
    }
    for (const part of right) {
      this.#held.add(part);
      this.#fresh.add(part);
      this.#markChanged(part);
    }
    return right;
  }

  /** Taken bytes are given up; returns how many. */
  release(range: ByteRange): number {
    const given = this.#taken.intersect(range);
    if (given.length > 0 && this.#takeFromTaken(range)) this.#releases++;
    return given.reduce((sum, { start, end }) => sum + end - start, 0);
  }

  /** Somebody has these, and reads them for us; returns what was not held before. Nobody judges them here. */
  lend(range: ByteRange): ByteRange[] {
    const parts = this.#lent.missing(range);
    const sets = [this.#held, this.#lent, this.#taken, this.#fresh];
    if (sets.some((set) => isFull(set, parts.length))) return [];
    const more = parts.flatMap((part) => this.#held.missing(part));
    for (const part of parts) {
      const own = [...this.#held.intersect(part), ...this.#taken.intersect(part)];
      own.forEach(this.#drop);
      this.#fresh.remove(part);
      this.#taken.remove(part);
      this.#held.add(part);
      this.#lent.add(part);
      if (own.length === 0) continue;
      this.#releases++;
      this.#drops++;
    }
    return more;
  }

  /** Held bytes are wrong, or lent no more; returns what was held. */
  refute(range: ByteRange): ByteRange[] {
    const wrong: ByteRange[] = [];
    for (let at = range.start; at < range.end; ) {
      const [part] = this.#held.intersect({ start: at, end: range.end });
      if (part === undefined) break;
      // Where what is left behind would be one range too many, it goes as well.
      const isSplit = [this.#held, this.#fresh, this.#lent].every((set) => !isFull(set, 1));
      const gone = isSplit ? part : { ...part, end: this.#held.coveredUntil(part.start) };
      this.#held.remove(gone);
      this.#fresh.remove(gone);
      this.#lent.remove(gone);
      this.#drop(gone);
      this.#releases++;
      this.#drops++;
      wrong.push(gone);
      at = gone.end;
    }
    return wrong;
  }

  markChanged(segment: number): void {
    this.#changed.add(segment);
  }

  /** Before the file is synced: all that can be recorded afterwards. */
  beginFlush(): FlushBatch {
    const batch = { fresh: this.#fresh, segments: this.#changed, resets: this.#resets };
    this.#leaving = this.#gone;
    this.#gone = new RangeSet();
    this.#fresh = new RangeSet();
    this.#changed = new Set();
    return batch;
  }

  /** After it was synced: what of a segment can be recorded, counted from where it starts. */
  recordable(segment: number): ByteRange[] {
    const { start, end } = segmentRange(segment, this.sizeBytes);
    return this.#held
      .intersect({ start, end })
      .flatMap((part) => this.#fresh.missing(part))
      .flatMap((part) => this.#lent.missing(part))
      .map((part) => ({ start: part.start - start, end: part.end - start }));
  }

  /** How many bytes these are, of all segments. */
  get recordableBytes(): number {
    return this.#held.bytes - this.#fresh.bytes - this.#lent.bytes;
  }

  /** Recorded: no record tells of what was gone. */
  endFlush(batch: FlushBatch): void {
    if (batch.resets !== this.#resets) return;
    for (const range of this.#leaving) this.spare.add(range);
    this.#leaving = new RangeSet();
  }

  /** Synced, but not recorded: that is tried again. Without a file there is no record of what was gone. */
  repeatFlush(batch: FlushBatch, hasFile = true): void {
    if (batch.resets !== this.#resets) return;
    for (const segment of batch.segments) this.#changed.add(segment);
    if (hasFile) for (const range of this.#leaving) this.#addGone(range);
    this.#leaving = new RangeSet();
  }

  /** Not synced: nobody knows which pages reached the disk. Returns what was held and is given up. */
  failFlush(batch: FlushBatch): ByteRange[] {
    if (batch.resets !== this.#resets) return [];
    this.repeatFlush(batch);
    const unsure = [...batch.fresh, ...this.#fresh].flatMap((range) => this.#lent.missing(range));
    const lost = unsure.flatMap((range) => this.refute(range));
    this.#giveUpTaken();
    return lost;
  }

  /** The file is gone, and all it held; returns that. What is lent is not. */
  reset(): ByteRange[] {
    const lost = [...this.#held].flatMap((range) => this.#lent.missing(range));
    this.#resets++;
    this.#drops++;
    this.#held = this.#lent.clone();
    this.#fresh = new RangeSet();
    this.spare.clear();
    this.#gone = new RangeSet();
    this.#leaving = new RangeSet();
    this.#changed = new Set();
    this.#giveUpTaken();
    return lost;
  }

  /** Nobody asks for any of it any more. */
  clear(): void {
    this.#lent = new RangeSet();
    this.reset();
  }

  /** Parts that no reader, writer or record wants of the file. */
  #unneeded(range: ByteRange): ByteRange[] {
    const own = [...this.#held.missing(range), ...this.#lent.intersect(range)];
    own.sort((a, b) => a.start - b.start);
    return [this.#taken, this.#writing, this.#gone, this.#leaving].reduce(without, own);
  }

  #giveUpTaken(): void {
    this.#taken = new RangeSet();
    this.#epoch++;
    this.#releases++;
  }

  /** False when the rest would be too many ranges: then all that was not judged is given up. */
  #takeFromTaken(range: ByteRange): boolean {
    if (!isFull(this.#taken, 1)) {
      this.#taken.remove(range);
      return true;
    }
    this.#giveUpTaken();
    return false;
  }

  readonly #drop = (range: ByteRange): void => {
    this.#addGone(range);
    this.#markChanged(range);
  };

  #addGone(range: ByteRange): void {
    if (isFull(this.#gone, 1)) this.#gone = RangeSet.from([{ start: 0, end: this.sizeBytes }]);
    else this.#gone.add(range);
  }

  #markChanged(range: ByteRange): void {
    for (const segment of segmentsOf(range)) this.#changed.add(segment);
  }
}

function without(parts: ByteRange[], set: Pick<RangeSet, 'missing'>): ByteRange[] {
  return parts.flatMap((part) => set.missing(part));
}

function isFull(set: RangeSet, more: number): boolean {
  return set.count + more > RANGES_MAX;
}
