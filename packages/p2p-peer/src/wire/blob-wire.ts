/** A wire as the rest of the package sees it: one blob, one other host, both ways. */
import type { Priority } from '@shoal/blob-store';
import type { HostFacts } from '../identity/host.ts';
import type { PeerId } from '../identity/peer-id.ts';
import type { ByteRange } from '../ranges/byte-range.ts';
import type { RangeSet } from '../ranges/range-set.ts';
import type { AddressGroup } from './address-group.ts';

export type WireFacts = {
  readonly peerId: PeerId;
  /** As certificate, token and handshake say; undefined on the plain port. */
  readonly host: HostFacts | undefined;
  /** `registry/repository` that the wire is for, and that its token covers; undefined on the plain port. */
  readonly repository: string | undefined;
  /** Of a standard client, whose id says nothing. */
  readonly from?: AddressGroup | undefined;
};

export type BlockRequestOptions = {
  readonly signal?: AbortSignal | undefined;
  readonly priority: Priority;
};

export interface BlobWire extends AsyncDisposable {
  readonly facts: WireFacts;
  /** The other side is a host of ours: larger blocks, ranges, hashes. */
  readonly isOurs: boolean;
  /** What the other side has said it holds. */
  readonly held: RangeSet;
  /** Bytes that were asked for and have not come, those that wait for their turn included. */
  readonly outstandingBytes: number;
  /** When any byte last came over it, be it a keep-alive; clock of `performance.now`. */
  readonly heardAtMs: number;
  /** How long nothing has come now although an answer is owed, in milliseconds. */
  readonly silentMs: number;
  /** The longest silence of late while it owed answers, in milliseconds: how busy it is. */
  readonly pauseMs: number;
  /** Moving average of the time from a request to its block, in milliseconds. */
  readonly latencyMs: number;
  /** Nineteen of twenty blocks come within so long. */
  readonly latencyP95Ms: number;
  /**
   * Bytes of the blob, at most `BLOCK_BYTES_MAX`, in one piece of `PIECE_BYTES`; the buffer is the
   * caller's alone, who may give it back to `blockMemory`. Rejects with `ERR_P2P_WIRE_REJECTED`,
   * `ERR_P2P_WIRE_UNAVAILABLE`, `ERR_P2P_WIRE_CLOSED`, `ERR_P2P_WIRE_REQUEST`, or the reason of the signal.
   */
  request(offset: number, length: number, options: BlockRequestOptions): Promise<Buffer>;
  /** Says that these are held from now on: all of them may be asked for. */
  tellHeld(ranges: readonly ByteRange[]): void;
  /** Introduces hosts that share the blob, at most `NEIGHBOURS_TOLD_MAX`; nobody to standard clients. */
  tellNeighbours(hosts: readonly HostFacts[]): void;
  /**
   * SHA-256 of pieces of `PIECE_BYTES`, those that the other side knows. Rejects with
   * `ERR_P2P_WIRE_CLOSED`, `ERR_P2P_WIRE_REQUEST`, or the reason of the signal.
   */
  askHashes(
    firstPiece: number,
    count: number,
    signal?: AbortSignal,
  ): Promise<readonly (Buffer | undefined)[]>;
  /** Rejects what was asked for, sends what is begun. Idempotent. */
  close(): Promise<void>;
  /** Resolves when it is closed, whoever did it. */
  readonly closed: Promise<void>;
  /** Why it was closed; undefined while it is open. */
  readonly closeReason: Error | undefined;
}

export type ServeCall = {
  readonly signal: AbortSignal;
  /** As the other side says. */
  readonly priority: Priority;
};

export type BlockGone = (isSent: boolean) => void;

/** The answer to a request. */
export type ServedBlock = {
  /** Exactly what was asked for, unchanged until it is sent. */
  readonly bytes: Buffer;
  /** Called once: the socket has taken its last byte (`isSent`), or never will. Nobody reads `bytes` then. */
  readonly onGone?: BlockGone;
};

/** What a wire asks of its owner. */
export interface WireServer {
  /**
   * These bytes; an error becomes a reject, `ERR_P2P_PEER_UNAVAILABLE` one that says so. While it takes
   * long, the other side hears that this one lives.
   */
  serve(wire: BlobWire, offset: number, length: number, call: ServeCall): Promise<ServedBlock>;
  /** One for each piece; undefined for those that are not known. */
  hashes(wire: BlobWire, firstPiece: number, count: number): readonly (Buffer | undefined)[];
  /** The other side holds these too: they are in `wire.held` already. */
  onHeld(wire: BlobWire, ranges: readonly ByteRange[]): void;
  /** These hosts share the blob as well, the other side says. */
  onNeighbours(wire: BlobWire, hosts: readonly HostFacts[]): void;
}

/** A blob that is shared on a wire. */
export type SharedBlob = {
  readonly blobBytes: number;
  readonly server: WireServer;
  /** What is held when the wire opens; it is told at once. */
  readonly held: () => Iterable<ByteRange>;
};
