/**
 * Reads for those who cannot verify what they are given part by part: layers that nobody has converted.
 * Whole pieces are read, and each byte of them is of a piece whose SHA-256 a home has told, or comes
 * from a home or the origin itself. A piece without such a hash is taken from nobody else.
 */
import type { BlobReadOptions, BlobSource, Priority } from '@shoal/blob-store';
import { priorityOf } from '@shoal/blob-store';
import type { PeerId } from '../identity/peer-id.ts';
import { readMemory } from '../kept-memory.ts';
import { HOME_FETCH_BYTES_MAX, PIECE_BYTES } from '../limits.ts';
import { type ByteRange, rangeBytes } from '../ranges/byte-range.ts';
import type { PeerCredits } from '../select/credits.ts';
import type { StoredBlob } from '../store/stored-blob.ts';
import type { FlightCall, FlightEnd } from './flight.ts';
import { PIECE_HASHES_TIMEOUT_MS } from './limits.ts';
import { Senders, sentBytes } from './senders.ts';
import { SharedReads } from './shared-reads.ts';
import type { FetchCall, SwarmFetches } from './swarm-fetches.ts';
import type { SwarmWires } from './swarm-wires.ts';
import type { SentPiece } from './wrong-piece.ts';

export type TrustedReadsInput = {
  readonly stored: StoredBlob;
  readonly wires: SwarmWires;
  readonly fetches: SwarmFetches;
  readonly credits: PeerCredits;
  /** A piece is not what its home says; what it returns hears of the right one, unless none can be had. */
  readonly onWrong: (piece: SentPiece) => (right: Buffer | undefined) => void;
  /** Bytes were held here already. */
  readonly onStoreRead: (bytes: number, priority: Priority) => void;
  /** Bytes came from a peer or the origin; told once each. */
  readonly onFetched: (sourceName: string, bytes: number, priority: Priority) => void;
  /** Of a peer, for counters. */
  readonly nameOf: (peer: PeerId) => string;
  /** The reader's own way to the origin. */
  readonly origin: BlobSource;
};

type PieceCall = {
  readonly signal: AbortSignal;
  readonly priority: () => Priority;
  /** Where it came from is put in. */
  readonly sources: Set<string>;
};

/** In `readMemory`, all of them. */
type FoundPiece =
  | { readonly kind: 'right'; readonly bytes: Buffer }
  | { readonly kind: 'wrong'; readonly sent: SentPiece }
  | { readonly kind: 'unknown' };

/** Somebody who hears that his read goes on. */
type Watcher = { readonly pieces: ByteRange; readonly onProgress: () => void };

export class TrustedReads {
  readonly #input: TrustedReadsInput;
  readonly #shared: SharedReads;
  readonly #watchers = new Set<Watcher>();

  constructor(input: TrustedReadsInput) {
    this.#input = input;
    this.#shared = new SharedReads({
      bytesMax: HOME_FETCH_BYTES_MAX,
      read: (range, call) => this.#readPieces(range, call),
    });
  }

  /** Right as far as homes and the origin are believed. */
  async read(range: ByteRange, options: BlobReadOptions): Promise<Buffer> {
    const pieces = wholePieces(range, this.#input.stored.sizeBytes);
    const bytes = await this.#watched(pieces, options, () =>
      this.#shared.read(pieces, {
        ...{ signal: options.signal, priority: priorityOf(options) },
        onSources: (sources) => {
          for (const name of sources) options.onFetched?.(name, rangeBytes(range));
        },
      }),
    );
    // The whole may turn out to be another than its digest says: then nothing of it is held.
    options.onVerdict?.((offset, length, verdict) => {
      if (verdict === 'wrong') this.#input.stored.refute(offset, length);
    });
    return bytes.subarray(range.start - pieces.start, range.end - pieces.start);
  }

  async #watched<Value>(
    pieces: ByteRange,
    { onProgress }: BlobReadOptions,
    read: () => Promise<Value>,
  ): Promise<Value> {
    if (onProgress === undefined) return await read();
    const watcher = { pieces, onProgress };
    this.#watchers.add(watcher);
    try {
      return await read();
    } finally {
      this.#watchers.delete(watcher);
    }
  }

  #tellProgress({ start, end }: ByteRange): void {
    for (const { pieces, onProgress } of this.#watchers) {
      if (pieces.start < end && start < pieces.end) onProgress();
    }
  }

  /** Whoever waits for one of them has it before the others have come. */
  async #readPieces(range: ByteRange, call: FlightCall): Promise<FlightEnd> {
    const { signal, priority, memory, onHere } = call;
    await this.#askHashes(range, signal);
    const read = async (piece: ByteRange) => {
      const sources = new Set<string>();
      const bytes = await this.#readPiece(piece, { signal, priority, sources });
      bytes.copy(memory, piece.start - range.start);
      readMemory.give(bytes);
      onHere(piece, sources);
    };
    await Promise.all(piecesOf(range).map(read));
    return {};
  }

  /** In `readMemory`. */
  async #readPiece(piece: ByteRange, call: PieceCall): Promise<Buffer> {
    const { stored, onStoreRead } = this.#input;
    const memory = readMemory.take(rangeBytes(piece));
    const held = await stored.read(piece.start, memory.length, memory);
    if (held !== undefined) {
      onStoreRead(held.length, call.priority());
      return held;
    }
    readMemory.give(memory);
    if (stored.pieceHash(numberOf(piece)) === undefined) {
      return await this.#fetchTrusted(piece, call);
    }
    const found = await this.#fetchVerified(piece, call);
    if (found.kind === 'right') return found.bytes;
    const tell = found.kind === 'wrong' ? this.#input.onWrong(found.sent) : undefined;
    let right: Buffer | undefined;
    try {
      right = await this.#fetchTrusted(piece, call);
      return right;
    } finally {
      tell?.(right);
      if (found.kind === 'wrong') readMemory.give(found.sent.bytes);
    }
  }

  /** From whoever has it, compared with the hash that a home has told. */
  async #fetchVerified(piece: ByteRange, call: PieceCall): Promise<FoundPiece> {
    const { stored, credits } = this.#input;
    const senders = new Senders();
    const credit = credits.openRead();
    try {
      const bytes = await this.#fetch(piece, call, { mode: 'verifying', senders, credit });
      // Where somebody else's bytes lie, or none can, the hash would be of others than these.
      const isKept = await stored.write(piece.start, bytes);
      const check = isKept ? await stored.verifyPiece(numberOf(piece)) : 'unknown';
      const sent = senders.take(piece);
      if (check === 'wrong') return { kind: 'wrong', sent: { range: piece, sent, bytes } };
      if (check === 'right') {
        for (const [peer, parts] of sent) credit.right(peer, sentBytes(parts));
        const right = await stored.read(piece.start, bytes.length, bytes);
        if (right !== undefined) return { kind: 'right', bytes: right };
      }
      readMemory.give(bytes);
      return { kind: 'unknown' };
    } finally {
      credit.close();
    }
  }

  /** From homes and the origin: what they say is believed, and kept. */
  async #fetchTrusted(piece: ByteRange, call: PieceCall): Promise<Buffer> {
    const { stored } = this.#input;
    const deposit = stored.deposit();
    try {
      const bytes = await this.#fetch(piece, call, { mode: 'believing' });
      if (await deposit.write(piece.start, bytes)) {
        deposit.settle(piece.start, bytes.length, 'right');
      }
      return bytes;
    } finally {
      deposit.close();
    }
  }

  #fetch(
    piece: ByteRange,
    call: PieceCall,
    { senders, ...how }: Pick<FetchCall, 'mode' | 'credit'> & { readonly senders?: Senders },
  ): Promise<Buffer> {
    const { fetches, origin, onFetched, nameOf } = this.#input;
    const { signal, priority, sources } = call;
    return fetches.fetch(piece, {
      ...{ ...how, origin, signal, priority },
      memory: readMemory.take(rangeBytes(piece)),
      onBytes: (sender, part) => {
        if (sender !== 'origin') senders?.add(sender, part);
        const name = sender === 'origin' ? origin.name : nameOf(sender);
        sources.add(name);
        onFetched(name, rangeBytes(part), priority());
        this.#tellProgress(part);
      },
    });
  }

  /**
   * Where somebody other than a home has some of it: whether a home knows what it must be. Nobody waits
   * long for that: without a hash the piece comes from the home itself.
   */
  async #askHashes(range: ByteRange, signal: AbortSignal): Promise<void> {
    const { stored, wires, fetches } = this.#input;
    const pieces = piecesOf(range).filter(
      (piece) =>
        stored.pieceHash(numberOf(piece)) === undefined &&
        !stored.isHeld(piece) &&
        fetches.hasOtherHolders(piece),
    );
    const [first] = pieces;
    const last = pieces.at(-1);
    const [home] = fetches.otherHomes(range);
    if (first === undefined || last === undefined || home === undefined) return;
    const firstPiece = numberOf(first);
    const limit = AbortSignal.any([signal, AbortSignal.timeout(PIECE_HASHES_TIMEOUT_MS)]);
    try {
      const wire = await wires.wireTo(home);
      const hashes = await wire.askHashes(firstPiece, numberOf(last) - firstPiece + 1, limit);
      for (const [index, hash] of hashes.entries()) {
        if (hash !== undefined) stored.setPieceHash(firstPiece + index, hash);
      }
    } catch {
      signal.throwIfAborted();
    }
  }
}

function numberOf({ start }: ByteRange): number {
  return Math.floor(start / PIECE_BYTES);
}

/** The pieces that have any byte of the range, whole. */
function wholePieces({ start, end }: ByteRange, sizeBytes: number): ByteRange {
  return {
    start: Math.floor(start / PIECE_BYTES) * PIECE_BYTES,
    end: Math.min(Math.ceil(end / PIECE_BYTES) * PIECE_BYTES, sizeBytes),
  };
}

/** Of a range that begins with a piece. */
function piecesOf({ start, end }: ByteRange): ByteRange[] {
  const pieces: ByteRange[] = [];
  for (let at = start; at < end; at += PIECE_BYTES) {
    pieces.push({ start: at, end: Math.min(at + PIECE_BYTES, end) });
  }
  return pieces;
}
