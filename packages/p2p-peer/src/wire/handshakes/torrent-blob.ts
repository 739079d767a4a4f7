/** A blob as its torrent has it: what is shared with standard clients. */
import type { BlobWire, SharedBlob } from '../blob-wire.ts';

export type TorrentBlob = SharedBlob & {
  /** A multiple of 16 KiB. */
  readonly pieceBytes: number;
  /** The info dictionary, where clients may fetch it from us (BEP 9). @default they may not */
  readonly infoBytes?: Buffer | undefined;
  /** Resolves when so many bytes of that may go out. @default at once */
  readonly takeInfo?: (bytes: number, signal: AbortSignal) => Promise<void>;
  /** Told once the wire is open, before anything comes over it. */
  readonly onOpen?: (wire: BlobWire) => void;
};
