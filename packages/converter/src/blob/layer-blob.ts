/** A stored data blob and the numbers its readers need. */
import type { Descriptor } from '@shoal/oci';
import type { PieceHashes } from '../torrent/piece-hashes.ts';
import type { BlobChunks, BlobEndFacts } from './blob-end.ts';

export type LayerBlob = BlobChunks & {
  readonly descriptor: Descriptor;
  readonly end: BlobEndFacts;
  /** For its torrent, if somebody asked for one. */
  readonly pieces?: PieceHashes | undefined;
};
