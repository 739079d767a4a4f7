/** A blob of a store, as its users see it. */
import type { CodecPool, SizedBlob, Verdict } from '@shoal/blob-store';
import { type BlobId, blobIdOfDigest } from '@shoal/oci';
import { PIECE_BYTES } from '../limits.ts';
import { type ByteRange, rangeBytes } from '../ranges/byte-range.ts';
import type { RangeSet } from '../ranges/range-set.ts';
import type { BlobEntry } from './blob-entry.ts';
import type { Deposit } from './deposit.ts';

/** A blob that has bytes in the store. */
export type StoredBlobFacts = SizedBlob & {
  readonly heldBytes: number;
  readonly isComplete: boolean;
  readonly lastUseMs: number;
};

/** What is held of a blob; only the store changes it. */
export type HeldRanges = Pick<
  RangeSet,
  'bytes' | 'count' | 'covers' | 'coveredUntil' | 'intersect' | 'missing' | 'encode'
> &
  Iterable<ByteRange>;

export type BlobCheck =
  | 'right'
  | 'wrong'
  /** Not every byte is there, or no hash is known. */
  | 'unknown'
  /** It could not be read, was changed meanwhile, or the store is closed. */
  | 'given-up';

/** Resolves when so many bytes may be read and hashed; rejects when it is over. */
export type HashTurn = (bytes: number) => Promise<void>;

export type StoredBlobInit = {
  readonly entry: BlobEntry;
  readonly pool: CodecPool;
  /** Ends hashing once its first element is not 0. */
  readonly stop: Int32Array<SharedArrayBuffer>;
  readonly openDeposit: () => Deposit;
  /** Of the user that closes it. */
  readonly onClose: () => Promise<void>;
  readonly pin: (isPinned: boolean) => void;
  readonly onChanged: () => void;
  readonly flush: () => Promise<boolean>;
  /** Bytes of all users that see the blob as a whole. */
  readonly common: Deposit;
};

export class StoredBlob implements AsyncDisposable {
  readonly #init: StoredBlobInit;
  #isPinned = false;
  #closing: Promise<void> | undefined;

  constructor(init: StoredBlobInit) {
    this.#init = init;
    init.entry.users++;
  }

  get blobId(): BlobId {
    return this.#init.entry.blobId;
  }

  get sizeBytes(): number {
    return this.#init.entry.sizeBytes;
  }

  /** Right bytes; not all of them survive a crash yet. Ask for it each time: an eviction replaces it. */
  get held(): HeldRanges {
    return this.#init.entry.state.held;
  }

  /** The digest of the whole was compared. */
  get isComplete(): boolean {
    return this.#init.entry.isComplete;
  }

  isHeld(range: ByteRange): boolean {
    return this.held.covers(range);
  }

  /** For one reader that verifies what it is given: see `Deposit`. Close it when no verdict follows. */
  deposit(): Deposit {
    const deposit = this.#init.openDeposit();
    if (this.#closing !== undefined) deposit.close();
    return deposit;
  }

  /** Into the deposit that all users share: for readers that verify what lies in the store. */
  write(offset: number, bytes: Uint8Array): Promise<boolean> {
    return this.#init.common.write(offset, bytes);
  }

  /** Of what the shared deposit has; a wrong range is not held any more, whoever wrote it. */
  settle(offset: number, length: number, verdict: Verdict): void {
    this.#init.common.settle(offset, length, verdict);
    if (verdict === 'wrong') this.refute(offset, length);
  }

  /** Bytes that were read here are wrong: their disk is failing, or they were judged too well. */
  refute(offset: number, length: number): void {
    const range = { start: offset, end: offset + length };
    if (this.#init.entry.isInside(range)) this.#init.entry.refute(range);
  }

  /**
   * Held bytes, the caller's alone; undefined when not all are held or they cannot be read. `memory`, of
   * that length, is what they are put into. @default memory of their own
   */
  read(offset: number, length: number, memory?: Buffer): Promise<Buffer | undefined> {
    return this.#init.entry.read({ start: offset, end: offset + length }, memory);
  }

  /** The same of bytes that nobody has judged: never for peers. */
  readUnsettled(offset: number, length: number): Promise<Buffer | undefined> {
    return this.#init.entry.readStored({ start: offset, end: offset + length });
  }

  /** SHA-256 of a piece of `PIECE_BYTES`, as it was told. */
  pieceHash(piece: number): Buffer | undefined {
    return this.#init.entry.hashes.get(piece);
  }

  /** Only of somebody who is believed. 'other': another one is known, and stays. */
  setPieceHash(piece: number, hash: Uint8Array): 'new' | 'same' | 'other' | 'none' {
    const { entry, onChanged } = this.#init;
    const outcome = entry.hashes.set(piece, hash);
    if (outcome === 'new') this.#recordPiece(piece);
    if (outcome === 'new') onChanged();
    return outcome;
  }

  /** SHA-256 of a piece whose every byte is held, by a codec thread. */
  hashPiece(piece: number): Promise<Buffer | undefined> {
    return this.hashHeld(this.#pieceRange(piece));
  }

  /** The same of any bytes. */
  async hashHeld(range: ByteRange): Promise<Buffer | undefined> {
    if (!this.isHeld(range)) return undefined;
    const { state } = this.#init.entry;
    const { drops } = state;
    const hash = await this.#hash(range);
    return drops === state.drops ? hash : undefined;
  }

  /** The same of what lies in the file, judged or not: whoever asks knows whose bytes they are. */
  async hashUnsettled(range: ByteRange): Promise<Buffer | undefined> {
    return this.#init.entry.isInside(range) ? await this.#hash(range) : undefined;
  }

  /** Compares a piece in the file with the hash that was told, by a codec thread, and settles it. */
  async verifyPiece(piece: number): Promise<BlobCheck> {
    const expected = this.pieceHash(piece);
    return expected === undefined ? 'unknown' : this.#verify(this.#pieceRange(piece), expected);
  }

  /**
   * Compares the whole blob with its digest, by a codec thread, once all of it is in the file. When it is
   * right everything is held; otherwise everything is given up that was not settled by other digests.
   * `turn` is waited for before each part: for who leaves the disk and the thread to others in between.
   */
  async completeBlob(turn?: HashTurn): Promise<BlobCheck> {
    const { entry, onChanged } = this.#init;
    if (entry.isComplete) return 'right';
    const all = { start: 0, end: this.sizeBytes };
    const check = await this.#verify(all, Buffer.from(this.blobId, 'hex'), turn);
    if (check === 'right' && this.isHeld(all)) {
      entry.markVerified();
      onChanged();
    }
    return check;
  }

  /** While it is pinned it is not evicted. */
  pin(): void {
    if (!this.#isPinned && this.#closing === undefined) this.#init.pin(true);
    this.#isPinned = true;
  }

  unpin(): void {
    if (this.#isPinned) this.#init.pin(false);
    this.#isPinned = false;
  }

  /** Resolves when all that was settled so far is durable; false when some is not. */
  flush(): Promise<boolean> {
    return this.#init.flush();
  }

  /** Ends this use of the blob; it stays in the store. */
  close(): Promise<void> {
    this.unpin();
    this.#closing ??= this.#init.onClose();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #pieceRange(piece: number): ByteRange {
    const start = piece * PIECE_BYTES;
    return { start, end: Math.min(start + PIECE_BYTES, this.sizeBytes) };
  }

  #recordPiece(piece: number): void {
    this.#init.entry.markChanged(this.#pieceRange(piece));
  }

  async #verify(range: ByteRange, expected: Buffer, turn?: HashTurn): Promise<BlobCheck> {
    const { entry } = this.#init;
    const { state } = entry;
    if (!entry.isInside(range) || !state.isStored(range)) return 'unknown';
    const { releases } = state;
    const hash = await this.#hash(range, turn);
    if (hash === undefined || releases !== state.releases) return 'given-up';
    const verdict = hash.equals(expected) ? 'right' : 'wrong';
    entry.judgeStored(range, verdict);
    return verdict;
  }

  async #hash(range: ByteRange, turn?: HashTurn): Promise<Buffer | undefined> {
    const { start, end } = range;
    const { entry, pool, stop } = this.#init;
    const isLent = entry.state.lent.intersect(range).length > 0;
    if (isLent || turn !== undefined) return await this.#hashParts(range, turn);
    const digests = await entry.withFile(async ({ fd }) => {
      const lengths = Float64Array.of(end - start);
      const job = { fd, offsets: Float64Array.of(start), lengths, stop };
      return (await pool.run('hash-file', job).catch(() => undefined))?.digests;
    });
    return digests === undefined ? undefined : Buffer.from(digests);
  }

  /** What does not all lie in one file, or is not hashed at once, comes through this thread. */
  async #hashParts({ start, end }: ByteRange, turn?: HashTurn): Promise<Buffer | undefined> {
    const { entry, pool, stop } = this.#init;
    try {
      using hash = pool.openHash('sha256');
      for (let at = start; at < end; at += PIECE_BYTES) {
        if (Atomics.load(stop, 0) !== 0) return undefined;
        const part = { start: at, end: Math.min(at + PIECE_BYTES, end) };
        await turn?.(rangeBytes(part));
        const bytes = await entry.readStored(part);
        if (bytes === undefined) return undefined;
        await hash.update(bytes);
      }
      return Buffer.from(blobIdOfDigest(await hash.digest()), 'hex');
    } catch {
      // As with the other way: the pool is closed, or its thread has died. Or nobody has a turn any more.
      return undefined;
    }
  }
}
