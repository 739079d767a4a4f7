/**
 * The port of standard clients: it gives what `PublicBlobs` offers and is held here, slowly enough that
 * this host's own readers and other hosts do not notice. Everything else is as unknown to it as a
 * torrent that never was.
 */
import type { SizedBlob } from '@shoal/blob-store';
import type { BlobId } from '@shoal/oci';
import { newPeerId, type PeerId } from '../identity/peer-id.ts';
import type { SwarmId } from '../identity/swarm-id.ts';
import type { ByteRange } from '../ranges/byte-range.ts';
import type { BlobWire, ServedBlock, WireServer } from '../wire/blob-wire.ts';
import { WireRejectedError } from '../wire/errors.ts';
import { PlainWireListener } from '../wire/handshakes/plain-listener.ts';
import type { TorrentBlob } from '../wire/handshakes/torrent-blob.ts';
import type { WireLog } from '../wire/wire-log.ts';
import {
  PLAIN_BLOBS_SHOWN_MAX,
  PLAIN_HANDSHAKES_MAX,
  PLAIN_IDLE_MS,
  PLAIN_WIRES_MAX,
  PLAIN_WIRES_PER_ADDRESS_MAX,
  PUBLIC_CHECK_MS,
} from './limits.ts';
import { Pace } from './pace.ts';
import type { OfferedBlob, PublicBlobs } from './public-blobs.ts';

export type PlainPortOptions = {
  readonly listenHost: string;
  /** 0 for any free one. */
  readonly port: number;
  /** To all standard clients together. */
  readonly bytesPerSecond: number;
};

export type PlainPortInput = {
  readonly blobs: PublicBlobs;
  /** A standard client has come, or was reached, for this blob: reads may want it as a source. */
  readonly onWire: (wire: BlobWire, offer: OfferedBlob) => void;
  /** It holds these. */
  readonly onHeld: (wire: BlobWire, offer: OfferedBlob, ranges: readonly ByteRange[]) => void;
  readonly onRefused: (error: unknown) => void;
  readonly log: WireLog | undefined;
  readonly nowMs: () => number;
};

export type PlainBlobStatus = SizedBlob & {
  readonly infohash: SwarmId;
  readonly repository: string;
  readonly heldBytes: number;
};

export type PlainStatus = {
  readonly port: number;
  readonly wires: number;
  /** In all, and the first of them. */
  readonly offered: number;
  readonly blobs: readonly PlainBlobStatus[];
  /** Blobs that registries give only with credentials, or that are others there. */
  readonly refused: number;
  readonly bytesSent: number;
};

type Entered = { readonly offer: OfferedBlob; usedAtMs: number };

export class PlainPort implements AsyncDisposable {
  /** Not that of the host: a stranger need not know which one it is. */
  readonly selfId: PeerId = newPeerId();
  readonly #input: PlainPortInput;
  /** Of all standard clients together, in the order they ask. */
  readonly #upload: Pace;
  readonly #wires = new Map<BlobWire, Entered>();
  readonly #timer: NodeJS.Timeout;
  #listener: PlainWireListener | undefined;
  #bytesSent = 0;

  /** Listens when it resolves; rejects with the system's error where it cannot. */
  static async open(options: PlainPortOptions, input: PlainPortInput): Promise<PlainPort> {
    const plain = new PlainPort(options, input);
    const { listenHost, port } = options;
    try {
      plain.#listener = await PlainWireListener.open({
        ...{ listenHost, port, selfId: plain.selfId, log: input.log },
        accept: (infohash) => plain.torrentOf(infohash),
        onRefused: input.onRefused,
        handshakesMax: PLAIN_HANDSHAKES_MAX,
        wiresMax: PLAIN_WIRES_MAX,
        wiresPerHostMax: PLAIN_WIRES_PER_ADDRESS_MAX,
      });
      return plain;
    } catch (error) {
      await plain.close();
      throw error;
    }
  }

  private constructor({ bytesPerSecond }: PlainPortOptions, input: PlainPortInput) {
    this.#input = input;
    this.#upload = new Pace({ bytesPerSecond, nowMs: input.nowMs });
    this.#timer = setInterval(() => this.#closeIdle(), PUBLIC_CHECK_MS).unref();
  }

  get port(): number {
    return this.#listener?.port ?? 0;
  }

  status(): PlainStatus {
    const offers = this.#input.blobs.all();
    const refused = this.#input.blobs.refusedCount;
    const blobs = offers.slice(0, PLAIN_BLOBS_SHOWN_MAX).map((offer) => {
      const { blobId, infohash, repository, sizeBytes, stored } = offer;
      return { blobId, infohash, repository, sizeBytes, heldBytes: stored.held.bytes };
    });
    return {
      ...{ port: this.port, wires: this.#wires.size, offered: offers.length, blobs, refused },
      bytesSent: this.#bytesSent,
    };
  }

  /** What is shared with whoever asks for it; undefined alike for what is unknown and what is private. */
  torrentOf(infohash: SwarmId): TorrentBlob | undefined {
    const offer = this.#input.blobs.get(infohash);
    if (offer === undefined) return undefined;
    const { sizeBytes, pieceBytes, infoBytes, stored, proven } = offer;
    return {
      ...{ blobBytes: sizeBytes, pieceBytes, infoBytes },
      held: () => [...stored.held].flatMap((range) => proven.intersect(range)),
      server: this.#serverOf(offer),
      takeInfo: (bytes, signal) => this.#upload.take(bytes, signal),
      onOpen: (wire) => this.#enter(wire, offer),
    };
  }

  /** Wires that are open, each with its blob. */
  entered(): readonly (readonly [BlobWire, OfferedBlob])[] {
    return Array.from(this.#wires, ([wire, { offer }]) => [wire, offer]);
  }

  /** These are held here from now on. */
  tellHeld(blobId: BlobId, ranges: readonly ByteRange[]): void {
    for (const [wire, { offer }] of this.#wires) {
      if (offer.blobId !== blobId) continue;
      wire.tellHeld(ranges.flatMap((range) => offer.proven.intersect(range)));
    }
  }

  /** These may be given from now on, where they are held. */
  tellProven({ infohash, stored }: OfferedBlob, ranges: readonly ByteRange[]): void {
    const held = ranges.flatMap((range) => stored.held.intersect(range));
    for (const [wire, { offer }] of this.#wires) {
      if (offer.infohash === infohash) wire.tellHeld(held);
    }
  }

  /** The torrent is not for everybody any more. */
  withdraw(infohash: SwarmId): void {
    for (const [wire, { offer }] of this.#wires) {
      if (offer.infohash === infohash) void wire.close();
    }
  }

  /** Bytes came over it. */
  used(wire: BlobWire): void {
    const entered = this.#wires.get(wire);
    if (entered !== undefined) entered.usedAtMs = this.#input.nowMs();
  }

  /** Idempotent. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#listener?.close();
    await Promise.all(Array.from(this.#wires.keys(), (wire) => wire.close()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #enter(wire: BlobWire, offer: OfferedBlob): void {
    this.#wires.set(wire, { offer, usedAtMs: this.#input.nowMs() });
    void wire.closed.then(() => this.#wires.delete(wire));
    this.#input.onWire(wire, offer);
  }

  #serverOf(offer: OfferedBlob): WireServer {
    return {
      serve: (wire, offset, length, { signal }) =>
        this.#serve(wire, offer, { offset, length, signal }),
      hashes: (_wire, _firstPiece, count) => Array.from({ length: count }, () => undefined),
      onHeld: (wire, ranges) => this.#input.onHeld(wire, offer, ranges),
      onNeighbours: () => undefined,
    };
  }

  async #serve(
    wire: BlobWire,
    { infohash, stored, proven }: OfferedBlob,
    asked: { readonly offset: number; readonly length: number; readonly signal: AbortSignal },
  ): Promise<ServedBlock> {
    const { offset, length, signal } = asked;
    const range = { start: offset, end: offset + length };
    // What is not here costs nobody his turn.
    if (!stored.isHeld(range)) throw new WireRejectedError(offset, length);
    await this.#upload.take(length, signal);
    const isOffered = this.#input.blobs.get(infohash) !== undefined && proven.covers(range);
    const bytes = isOffered ? await stored.read(offset, length) : undefined;
    if (bytes === undefined) throw new WireRejectedError(offset, length);
    this.used(wire);
    const onGone = (isSent: boolean) => {
      if (isSent) this.#bytesSent += length;
    };
    return { bytes, onGone };
  }

  #closeIdle(): void {
    const before = this.#input.nowMs() - PLAIN_IDLE_MS;
    for (const [wire, { usedAtMs }] of this.#wires) if (usedAtMs <= before) void wire.close();
  }
}
