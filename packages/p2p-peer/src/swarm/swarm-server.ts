/**
 * Answers the peers of one blob: out of what is held, and as a home out of the origin. A peer is
 * answered only for a repository in which this host knows the blob to be: because it was read from
 * there, or because the repository's own origin has just given it.
 */
import type { Priority } from '@shoal/blob-store';
import { PeerUnavailableError } from '../errors.ts';
import type { HostFacts } from '../identity/host.ts';
import type { PeerId } from '../identity/peer-id.ts';
import { blockMemory } from '../kept-memory.ts';
import { PIECE_BYTES } from '../limits.ts';
import type { PeerCounts } from '../peer-counts.ts';
import { type ByteRange, rangeBytes } from '../ranges/byte-range.ts';
import type { Upload } from '../select/upload-slots.ts';
import type { StoredBlob } from '../store/stored-blob.ts';
import type {
  BlobWire,
  ServeCall,
  ServedBlock,
  SharedBlob,
  WireServer,
} from '../wire/blob-wire.ts';
import { WireRejectedError } from '../wire/errors.ts';
import { type HomeOriginOf, HomeReads } from './home-reads.ts';
import type { HostLimits } from './host-limits.ts';
import { PIECES_HASHED_MAX } from './limits.ts';
import type { SwarmFetches } from './swarm-fetches.ts';

export type SwarmServerInput = {
  readonly sizeBytes: number;
  readonly stored: StoredBlob;
  readonly fetches: Pick<SwarmFetches, 'fetch' | 'isHome'>;
  readonly limits: Pick<HostLimits, 'uploads' | 'homeGate'>;
  readonly isSeed: boolean;
  readonly originOf: HomeOriginOf;
  readonly counts: PeerCounts;
  readonly nowMs: () => number;
  /** The origin of the repository has given bytes of the blob. */
  readonly onLearnt: (repository: string) => void;
  /** An origin has given so many bytes for others. */
  readonly onHomeBytes: (bytes: number, cause: Priority) => void;
  /** These bytes have gone out. */
  readonly onServed: (peer: PeerId, bytes: number) => void;
  readonly onHeld: (ranges: readonly ByteRange[]) => void;
  /** Somebody says that these share the blob. */
  readonly onNeighbours: (hosts: readonly HostFacts[]) => void;
};

export class SwarmServer implements WireServer {
  readonly #input: SwarmServerInput;
  /** Where the blob is known to be. */
  readonly #repositories = new Set<string>();
  /** Pieces whose hash is being computed. */
  readonly #hashing = new Set<number>();
  readonly #homeReads: HomeReads;

  constructor(input: SwarmServerInput) {
    this.#input = input;
    const {
      stored,
      fetches,
      originOf,
      onLearnt,
      onHomeBytes,
      counts,
      limits: { homeGate: gate },
      nowMs,
    } = input;
    const knows = (repository: string) => this.knows(repository);
    this.#homeReads = new HomeReads({
      ...{ stored, fetches, originOf, knows, onLearnt, onHomeBytes, counts, gate, nowMs },
    });
  }

  knows(repository: string): boolean {
    return this.#repositories.has(repository);
  }

  /** The blob is in that repository: its own origin has said so. */
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

  async serve(
    wire: BlobWire,
    offset: number,
    length: number,
    call: ServeCall,
  ): Promise<ServedBlock> {
    try {
      return await this.#serveInTurn(wire, offset, length, call);
    } catch (error) {
      if (error instanceof WireRejectedError) this.#input.counts.uploadRefused('busy');
      else if (error instanceof PeerUnavailableError) {
        this.#input.counts.uploadRefused('unavailable');
      }
      throw error;
    }
  }

  async #serveInTurn(
    wire: BlobWire,
    offset: number,
    length: number,
    { signal, priority }: ServeCall,
  ): Promise<ServedBlock> {
    const range = { start: offset, end: offset + length };
    const { peerId: peer } = wire.facts;
    const piece = Math.floor(offset / PIECE_BYTES);
    const upload: Upload = { peer, piece, bytes: length, priority };
    const { uploads } = this.#input.limits;
    if (!uploads.accepts(upload)) throw new WireRejectedError(offset, length);
    const served = await this.#serve(wire, range, upload, signal);
    try {
      await uploads.take(upload, signal, () => new WireRejectedError(offset, length));
      return served;
    } catch (error) {
      served.onGone?.(false);
      throw error;
    }
  }

  async #serve(
    wire: BlobWire,
    range: ByteRange,
    upload: Upload,
    signal: AbortSignal,
  ): Promise<ServedBlock> {
    const held = this.mayTell(wire) ? await this.#readHeld(range, upload) : undefined;
    if (held !== undefined) return held;
    // A slot is for bytes that go out, not for those that an origin is waited for.
    const bytes = await this.#readAsHome(wire, range, { signal, priority: upload.priority });
    this.#input.limits.uploads.promise(upload);
    return this.#served(upload, bytes);
  }

  async #readHeld(range: ByteRange, upload: Upload): Promise<ServedBlock | undefined> {
    const { limits, stored } = this.#input;
    if (!stored.isHeld(range)) return undefined;
    limits.uploads.promise(upload);
    const memory = blockMemory.take(rangeBytes(range));
    const bytes = await stored.read(range.start, memory.length, memory).catch(() => undefined);
    if (bytes !== undefined) return this.#served(upload, bytes);
    blockMemory.give(memory);
    limits.uploads.dropped(upload);
    return undefined;
  }

  #served(upload: Upload, bytes: Buffer): ServedBlock {
    const {
      onServed,
      limits: { uploads },
    } = this.#input;
    const onGone = (isSent: boolean) => {
      blockMemory.give(bytes);
      if (isSent) {
        uploads.sent(upload);
        onServed(upload.peer, upload.bytes);
      } else uploads.dropped(upload);
    };
    return { bytes, onGone };
  }

  /** To those who may know what is held; others could find out what is in a blob that they may not read. */
  hashes(wire: BlobWire, firstPiece: number, count: number): readonly (Buffer | undefined)[] {
    const mayKnow = this.mayTell(wire);
    return Array.from({ length: count }, (_, index) =>
      mayKnow ? this.#hashOf(firstPiece + index) : undefined,
    );
  }

  /** One that is not known yet is computed, for the next who asks. */
  #hashOf(piece: number): Buffer | undefined {
    const { stored, sizeBytes } = this.#input;
    const known = stored.pieceHash(piece);
    if (known !== undefined || this.#hashing.has(piece)) return known;
    const start = piece * PIECE_BYTES;
    const isHeld = stored.isHeld({ start, end: Math.min(start + PIECE_BYTES, sizeBytes) });
    if (!isHeld || this.#hashing.size >= PIECES_HASHED_MAX) return undefined;
    this.#hashing.add(piece);
    void stored
      .hashPiece(piece)
      .then((hash) => (hash === undefined ? undefined : stored.setPieceHash(piece, hash)))
      .catch(() => undefined)
      .finally(() => this.#hashing.delete(piece));
    return undefined;
  }

  /** What is read for others ends. */
  close(): void {
    this.#homeReads.close();
  }

  onHeld(_: BlobWire, ranges: readonly ByteRange[]): void {
    this.#input.onHeld(ranges);
  }

  onNeighbours(_: BlobWire, hosts: readonly HostFacts[]): void {
    this.#input.onNeighbours(hosts);
  }

  async #readAsHome(
    { facts: { peerId, repository } }: BlobWire,
    range: ByteRange,
    call: ServeCall,
  ): Promise<Buffer> {
    const { fetches, isSeed } = this.#input;
    const isHome = isSeed || fetches.isHome(range);
    if (repository === undefined || !isHome) throw new PeerUnavailableError(range);
    return await this.#homeReads.read({ peerId, repository }, range, call);
  }
}
