/**
 * Where blobs were read from, kept for as long as something of them is here: after a restart it tells which
 * registry may be asked whether anybody reads them. It gives nobody anything by itself.
 */
import type { BlobId } from '@shoal/oci';
import { StoreRecordError } from '../errors.ts';
import { placesKey, type StoreIndex } from './store-index.ts';
import type { StoreJournal } from './store-journal.ts';
import { decodePlacesRecord, encodePlacesRecord, type PlacesRecord } from './store-record.ts';
import type { StoredBlobFacts } from './stored-blob.ts';

export type BlobPlaces = PlacesRecord & { readonly blobId: BlobId };

export type KeptPlacesInput = {
  readonly index: StoreIndex;
  readonly journal: Pick<StoreJournal, 'run'>;
  /** Undefined of blobs of which nothing is here. */
  readonly facts: (blobId: BlobId) => StoredBlobFacts | undefined;
  readonly isClosed: () => boolean;
};

export class KeptPlaces {
  readonly #input: KeptPlacesInput;

  constructor(input: KeptPlacesInput) {
    this.#input = input;
  }

  /** Not synced: the power may take it, which costs one more read. Never rejects. */
  async keep({ blobId, ...places }: BlobPlaces): Promise<void> {
    const { index, journal, isClosed } = this.#input;
    if (isClosed()) return;
    const key = placesKey(blobId);
    const value = encodePlacesRecord(key, places);
    await journal.run(() => index.putLoosely([{ key, value }])).catch(() => undefined);
  }

  /** Of blobs that are here as a whole, the one that was used last first. Throws what the index throws. */
  async read(): Promise<readonly BlobPlaces[]> {
    const { index, journal, facts } = this.#input;
    const found: { readonly places: BlobPlaces; readonly lastUseMs: number }[] = [];
    const others: BlobId[] = [];
    for await (const [blobId, bytes] of index.places()) {
      const known = facts(blobId);
      const places = placesOf(blobId, bytes);
      // Evicted while the record could not be deleted, or never read to its end.
      if (known === undefined || places === undefined) others.push(blobId);
      else if (known.sizeBytes === places.sizeBytes && known.heldBytes === places.sizeBytes) {
        found.push({ places, lastUseMs: known.lastUseMs });
      }
    }
    await journal.run(() => index.deletePlaces(others)).catch(() => undefined);
    return found.sort((a, b) => b.lastUseMs - a.lastUseMs).map(({ places }) => places);
  }
}

/** Undefined where it does not decode: it is written again when the blob is read again. */
function placesOf(blobId: BlobId, bytes: Buffer): BlobPlaces | undefined {
  try {
    return { blobId, ...decodePlacesRecord(placesKey(blobId), bytes) };
  } catch (error) {
    if (error instanceof StoreRecordError) return undefined;
    throw error;
  }
}
