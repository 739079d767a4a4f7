/** A stored data blob and the numbers its readers need. */
import type { Descriptor } from '@shoal/oci';
import type { BlobChunks, BlobEndFacts } from './blob-end.ts';

export type LayerBlob = BlobChunks & {
  readonly descriptor: Descriptor;
  readonly end: BlobEndFacts;
};
