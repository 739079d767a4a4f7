/**
 * Answers the peers of one blob: out of what is held, and as a home out of the origin. A peer is
 * answered only for a repository in which this host knows the blob to be: because it was read from
 * there, or because the repository's own origin has just given it.
 */
import type { BlobSource, Priority } from '@shoal/blob-store';
import { PeerUnavailableError } from '../errors.ts';
import type { PeerId } from '../identity/peer-id.ts';
import { HOME_FETCH_BYTES_MAX, PIECE_BYTES } from '../limits.ts';
import { type ByteRange, rangeBytes } from '../ranges/byte-range.ts';
import type { Upload, UploadSlots } from '../select/upload-slots.ts';
import type { Deposit } from '../store/deposit.ts';
import type { StoredBlob } from '../store/stored-blob.ts';
import type { BlobWire, SharedBlob, WireServer } from '../wire/blob-wire.ts';
import { WireRejectedError } from '../wire/errors.ts';
import { type ReadBytes, SharedReads } from './shared-reads.ts';
import type { SwarmFetches } from './swarm-fetches.ts';

export type SwarmServerInput = {
  readonly sizeBytes: number;
  readonly stored: StoredBlob;
  readonly fetches: SwarmFetches;
  readonly slots: UploadSlots;
  readonly isSeed: boolean;
  readonly originOf: (repository: string) => BlobSource | undefined;
  /** These bytes go out. */
  readonly onServed: (peer: PeerId, bytes: number) => void;
  readonly onHeld: (ranges: readonly ByteRange[]) => void;
};

type HomeCall = {
  readonly repository: string;
  readonly origin: BlobSource;
  readonly signal: AbortSignal;
  readonly priority: () => Priority;
};

export class SwarmServer implements WireServer {
  readonly #input: SwarmServerInput;
  /** Where the blob is known to be. */
  readonly #repositories = new Set<string>();
  /** Pieces whose hash is being computed. */
  readonly #hashing = new Set<number>();
  /** What a home reads for others, by repository. */
  readonly #homeReads = new Map<string, SharedReads>();

  constructor(input: SwarmServerInput) {
    this.#input = input;
  }

  /** The blob is in that repository. */
  learn(repository: string): void {
    this.#repositories.add(repository);
  }

  /** Whether this wire may hear what is held. */
  mayTell({ facts }: BlobWire): boolean {
    return facts.repository !== undefined && this.#repositories.has(facts.repository);
  }

  sharedWith(repository: string): SharedBlob {
    const { sizeBytes, stored } = this.#input;
    return {
      blobBytes: sizeBytes,
      server: this,
      held: () => (this.#repositories.has(repository) ? stored.held : []),
    };
  }

  async serve(wire: BlobWire, offset: number, length: number, signal: AbortSignal) {
    const range = { start: offset, end: offset + length };
    const { slots } = this.#input;
    const { peerId: peer } = wire.facts;
    const piece = Math.floor(offset / PIECE_BYTES);
    const upload: Upload = { peer, piece, bytes: length, priority: 'demand' };
    if (!slots.hasRoom(upload)) throw new WireRejectedError(offset, length);
    slots.admit(upload);
    slots.next();
    try {
      const bytes = await this.#bytesFor(wire, range, signal);
      this.#input.onServed(peer, length);
      return bytes;
    } finally {
      slots.sent(upload, 0);
    }
  }

  hashes(_: BlobWire, firstPiece: number, count: number): readonly (Buffer | undefined)[] {
    return Array.from({ length: count }, (__, index) => this.#hashOf(firstPiece + index));
  }

  /** One that is not known yet is computed, for the next who asks. */
  #hashOf(piece: number): Buffer | undefined {
    const { stored } = this.#input;
    const known = stored.pieceHash(piece);
    if (known !== undefined || this.#hashing.has(piece)) return known;
    this.#hashing.add(piece);
    void stored
      .hashPiece(piece)
      .then((hash) => (hash === undefined ? undefined : stored.setPieceHash(piece, hash)))
      .finally(() => this.#hashing.delete(piece));
    return undefined;
  }

  onHeld(_: BlobWire, ranges: readonly ByteRange[]): void {
    this.#input.onHeld(ranges);
  }

  async #bytesFor(wire: BlobWire, range: ByteRange, signal: AbortSignal): Promise<Buffer> {
    const { stored, fetches, isSeed } = this.#input;
    if (this.mayTell(wire)) {
      const held = await stored.read(range.start, rangeBytes(range));
      if (held !== undefined) return held;
    }
    if (!isSeed && !fetches.isHome(range)) throw new PeerUnavailableError(range);
    const reads = this.#homeReadsOf(wire.facts.repository ?? '');
    if (reads === undefined) throw new PeerUnavailableError(range);
    try {
      return await reads.read(range, { signal, priority: 'demand' });
    } catch (error) {
      // Whoever asked has a way to the origin of his own, perhaps a better one.
      throw new PeerUnavailableError(range, { cause: error });
    }
  }

  #homeReadsOf(repository: string): SharedReads | undefined {
    const known = this.#homeReads.get(repository);
    if (known !== undefined) return known;
    const origin = this.#input.originOf(repository);
    if (origin === undefined) return undefined;
    const reads = new SharedReads({
      bytesMax: HOME_FETCH_BYTES_MAX,
      read: (range, call) => this.#fetchAsHome(range, { ...call, repository, origin }),
    });
    this.#homeReads.set(repository, reads);
    return reads;
  }

  /** What the origin has given is held; what other peers have given is passed on, unjudged. */
  async #fetchAsHome(range: ByteRange, call: HomeCall): Promise<ReadBytes> {
    const { stored, fetches } = this.#input;
    const { repository, origin, signal, priority } = call;
    // Bytes of a blob that may not be in that repository come from nobody but its own origin.
    const mode = this.#repositories.has(repository) ? 'home' : 'alone';
    const deposit = stored.deposit();
    const writes: Promise<unknown>[] = [];
    try {
      const bytes = await fetches.fetch(range, {
        ...{ mode, origin, signal, priority },
        onBytes: (sender, part, sent) => {
          if (sender !== 'origin') return;
          this.learn(repository);
          writes.push(keep(deposit, part, sent));
        },
      });
      return { bytes, kept: Promise.all(writes) };
    } finally {
      void Promise.all(writes).then(() => deposit.close());
    }
  }
}

/** Never rejects. */
async function keep(deposit: Deposit, range: ByteRange, bytes: Buffer): Promise<void> {
  await deposit.write(range.start, bytes);
  deposit.settle(range.start, bytes.length, 'right');
}
