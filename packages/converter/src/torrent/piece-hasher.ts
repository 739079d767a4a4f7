/**
 * SHA-1 of the pieces of one blob, for its torrent, in the codec threads while the blob is built. How
 * long the pieces are follows from the blob's size, which is known only at its end: for each length
 * that is likely they are hashed, and lengths that the blob has outgrown are dropped.
 */
import type { CodecPool, PieceHashResult } from '@shoal/blob-store';
import { pieceBytesOf } from '@shoal/p2p-peer/torrent';
import { HASH_UNITS_IN_FLIGHT } from '../limits.ts';
import type { PieceHashes } from './piece-hashes.ts';

/** A blob of a layer is this much smaller or larger than the stored layer, at most as a rule. */
const SHRINKS_TO = 0.4;
const GROWS_TO = 1.25;
/** What a thread hashes at a time; no less than the longest piece. */
const UNIT_BYTES = 1 << 20;

/** Lengths of pieces that the blob of a layer may have, by the layer's stored bytes. */
export function likelyPieceBytes(storedBytes: number | undefined): readonly number[] {
  const sizes =
    storedBytes === undefined
      ? [0, 2 ** 30]
      : [storedBytes * SHRINKS_TO, storedBytes, storedBytes * GROWS_TO];
  return [...new Set(sizes.map(pieceBytesOf))];
}

export class PieceHasher {
  readonly #pool: CodecPool;
  readonly #signal: AbortSignal;
  readonly #unitBytes: number;
  /** Lengths that are still hashed, each with what the threads gave for it, by unit. */
  readonly #hashes: Map<number, Uint8Array[]>;
  readonly #free: ArrayBuffer[] = [];
  readonly #running = new Set<Promise<void>>();
  #unit: Uint8Array<ArrayBuffer>;
  /** Bytes in `#unit`. */
  #filled = 0;
  /** Bytes before `#unit`. */
  #handedOver = 0;
  #units = 0;
  #failure: { readonly error: unknown } | undefined;

  constructor(pool: CodecPool, pieceBytes: readonly number[], signal: AbortSignal) {
    this.#pool = pool;
    this.#signal = signal;
    this.#unitBytes = Math.max(UNIT_BYTES, ...pieceBytes);
    this.#hashes = new Map(pieceBytes.map((bytes) => [bytes, []]));
    this.#unit = new Uint8Array(new ArrayBuffer(this.#unitBytes));
  }

  /** The next bytes of the blob, copied. Wait for `whenReady` before the next. */
  add(bytes: Uint8Array): void {
    if (this.#hashes.size === 0) return;
    for (let at = 0; at < bytes.length; ) {
      const part = bytes.subarray(at, at + this.#unitBytes - this.#filled);
      this.#unit.set(part, this.#filled);
      this.#filled += part.length;
      at += part.length;
      if (this.#filled === this.#unitBytes) this.#handOver();
    }
  }

  /** Resolves when the threads keep up; throws what went wrong in them. */
  async whenReady(): Promise<void> {
    while (this.#running.size >= HASH_UNITS_IN_FLIGHT) await Promise.race(this.#running);
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** The hashes for the length that the blob has come to need; undefined when nobody expected it. */
  async finish(): Promise<PieceHashes | undefined> {
    const pieceBytes = pieceBytesOf(this.#handedOver + this.#filled);
    if (this.#filled > 0 && this.#hashes.has(pieceBytes)) this.#handOver();
    await Promise.all(this.#running);
    if (this.#failure !== undefined) throw this.#failure.error;
    const hashes = this.#hashes.get(pieceBytes);
    return hashes === undefined ? undefined : { pieceBytes, hashes: Buffer.concat(hashes) };
  }

  #handOver(): void {
    const unit = this.#units++;
    const length = this.#filled;
    this.#handedOver += length;
    this.#filled = 0;
    this.#dropOutgrown();
    const pieceBytes = [...this.#hashes.keys()];
    const job = { raw: this.#unit.buffer, length, pieceBytes };
    // Short, and what waits for it is a blob that cannot go on: before chunks to compress.
    const running = this.#pool
      .run('piece-hashes', job, { signal: this.#signal, isUrgent: true })
      .then((result) => this.#keep(unit, pieceBytes, result))
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
    this.#unit = new Uint8Array(this.#free.pop() ?? new ArrayBuffer(this.#unitBytes));
  }

  #keep(unit: number, pieceBytes: readonly number[], { raw, hashes }: PieceHashResult): void {
    this.#free.push(raw);
    for (const [position, bytes] of pieceBytes.entries()) {
      const list = this.#hashes.get(bytes);
      const mine = hashes[position];
      if (list !== undefined && mine !== undefined) list[unit] = mine;
    }
  }

  /** Blobs of this size have longer pieces. */
  #dropOutgrown(): void {
    const least = pieceBytesOf(this.#handedOver);
    for (const bytes of this.#hashes.keys()) if (bytes < least) this.#hashes.delete(bytes);
  }
}
