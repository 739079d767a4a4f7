/**
 * Stored bytes that the open blobs of a cache have in their device files just as they are: for whoever
 * shares stored bytes, and needs no copy of these. Only what is durable counts: after a crash it is here.
 */
import type { BlobId } from '@shoal/oci';
import type { BlobEntry } from './blob-entry.ts';
import type { OpenEntry } from './cache-upkeep.ts';
import { type StoredRange, VerbatimChunks } from './verbatim-chunks.ts';

/** A blob as it is stored. */
export type StoredBlobKey = { readonly blobId: BlobId; readonly sizeBytes: number };

/** `more`: these, too, from now on; undefined: some are not there any more. */
export type VerbatimListener = (
  blob: StoredBlobKey,
  more: readonly StoredRange[] | undefined,
) => void;

export class VerbatimBytes {
  readonly #entries: ReadonlyMap<string, OpenEntry>;
  readonly #listener: VerbatimListener | undefined;
  readonly #chunks = new WeakMap<BlobEntry, VerbatimChunks>();

  constructor(entries: ReadonlyMap<string, OpenEntry>, listener: VerbatimListener | undefined) {
    this.#entries = entries;
    this.#listener = listener;
  }

  /** What is here of a stored blob; neighbours are one range. */
  rangesOf(blob: StoredBlobKey): StoredRange[] {
    return this.#entriesOf(blob).flatMap((entry) =>
      this.#chunksOf(entry).rangesOf((chunk) => isHere(entry, chunk)),
    );
  }

  /** Undefined when not all of it is here. Never rejects. */
  async read(blob: StoredBlobKey, { start, end }: StoredRange): Promise<Buffer | undefined> {
    // The reader's alone, who may move it to a thread.
    const bytes = Buffer.allocUnsafeSlow(end - start);
    for (let at = start; at < end; ) {
      const part = await this.#readPart(blob, { start: at, end });
      if (part === undefined) return undefined;
      part.copy(bytes, at - start);
      at += part.length;
    }
    return bytes;
  }

  /** The chunks of an open blob became durable; without chunks: it was opened with what it had. */
  onDurable(entry: BlobEntry, chunks?: readonly number[]): void {
    if (this.#listener === undefined) return;
    const more = this.#chunksOf(entry).rangesOf((chunk) => isHere(entry, chunk), chunks);
    if (more.length > 0) this.#listener(keyOf(entry), more);
  }

  /** Chunks of it are not here any more, or all of it. */
  onGone(entry: BlobEntry): void {
    if (this.#listener === undefined || this.#chunksOf(entry).count === 0) return;
    this.#listener(keyOf(entry), undefined);
  }

  async #readPart(blob: StoredBlobKey, range: StoredRange): Promise<Buffer | undefined> {
    for (const entry of this.#entriesOf(blob)) {
      const place = this.#chunksOf(entry).placeOf(range);
      if (place === undefined || !isHere(entry, place.chunk)) continue;
      const { files } = entry.components;
      const bytes = await files.readData(place.length, place.position).catch(() => undefined);
      // It may have been found damaged meanwhile.
      if (bytes !== undefined && isHere(entry, place.chunk)) return bytes;
    }
    return undefined;
  }

  #entriesOf({ blobId, sizeBytes }: StoredBlobKey): BlobEntry[] {
    const open = Array.from(this.#entries.values(), ({ entry }) => entry);
    return open.filter(
      ({ description }) => description.blobId === blobId && description.storedBytes === sizeBytes,
    );
  }

  #chunksOf(entry: BlobEntry): VerbatimChunks {
    const known = this.#chunks.get(entry) ?? new VerbatimChunks(entry.description);
    this.#chunks.set(entry, known);
    return known;
  }
}

function isHere({ presence, components }: BlobEntry, chunk: number): boolean {
  return components.files.isDurable(chunk) && presence.isPresent(chunk);
}

function keyOf({ description: { blobId, storedBytes } }: BlobEntry): StoredBlobKey {
  return { blobId, sizeBytes: storedBytes };
}
