/** Where the bytes of one file come from, whatever it is: a blob, a file of an image, a URL. */
import type { Digest } from '@shoal/oci';

/** Bytes by whom they came from. */
export type SourceBytes = {
  /** This host had them. */
  readonly local: number;
  readonly peers: number;
  /** The registry or the server itself. */
  readonly origin: number;
};

export type PiecesOptions = {
  readonly signal: AbortSignal | undefined;
  /** Told for each piece, before or after it is handed out. */
  readonly onSource: (bytes: SourceBytes) => void;
};

export interface FileSource {
  /** For messages; no secrets. */
  readonly description: string;
  /** Equal text, equal bytes: what was had of it is continued. No secrets: it lies on the disk. */
  readonly identity: string;
  /** What the whole must have; undefined where nobody has said. */
  readonly digest: Digest | undefined;
  readonly size: number | undefined;
  /** False where bytes can only be had from the first one on. */
  readonly isResumable: boolean;
  /** Others than its own place are asked, too, until they were found to be wrong. */
  readonly isShared: boolean;
  /** From `offset` to the end. Each piece is valid until the next is asked for. */
  pieces(offset: number, options: PiecesOptions): AsyncIterable<Buffer>;
  /** What the whole was found to be, for who keeps the bytes. After `wrong` its own place is asked alone. */
  judged(verdict: 'right' | 'wrong'): void;
}

export const NO_BYTES: SourceBytes = { local: 0, peers: 0, origin: 0 };

export function addBytes(a: SourceBytes, b: SourceBytes): SourceBytes {
  return {
    local: a.local + b.local,
    peers: a.peers + b.peers,
    origin: a.origin + b.origin,
  };
}
