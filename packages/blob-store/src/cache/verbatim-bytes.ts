/**
 * Stored bytes that the blobs of a cache have in their device files just as they are: for whoever shares
 * stored bytes, and needs no copy of these. Only what is durable counts: after a crash it is here. What a
 * cache has from before it was opened is known once somebody opens the blob.
 */

import type { StoredRange } from '../description/verbatim-chunks.ts';
import type { SizedBlob } from '../source/blob-source.ts';
import type { BlobEntry } from './blob-entry.ts';
import type { OpenEntry } from './cache-upkeep.ts';
import { type LeftBlob, LeftBlobs } from './left-blobs.ts';

/** `more`: these, too, from now on; undefined: some are not there any more. */
export type VerbatimListener = (blob: SizedBlob, more: readonly StoredRange[] | undefined) => void;

export class VerbatimBytes {
  readonly #entries: ReadonlyMap<string, OpenEntry>;
  readonly #listener: VerbatimListener | undefined;
  readonly #left = new LeftBlobs();

  constructor(entries: ReadonlyMap<string, OpenEntry>, listener: VerbatimListener | undefined) {
    this.#entries = entries;
    this.#listener = listener;
  }

  /** What is here of a stored blob; neighbours are one range. */
  rangesOf(blob: SizedBlob): StoredRange[] {
    const open = this.#entriesOf(blob).flatMap((entry) =>
      entry.components.verbatim.rangesOf((chunk) => isHere(entry, chunk)),
    );
    return [...open, ...this.#left.rangesOf(blob)];
  }

  /** Undefined when not all of it is here. Never rejects. */
  async read(blob: SizedBlob, { start, end }: StoredRange): Promise<Buffer | undefined> {
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
    // One that is being closed is told of as a whole.
    if (this.#listener === undefined || !this.#isOpen(entry)) return;
    const more = entry.components.verbatim.rangesOf((chunk) => isHere(entry, chunk), chunks);
    if (more.length > 0) this.#listener(keyOf(entry), more);
  }

  /** Chunks of it are not here any more. */
  onGone(entry: BlobEntry): void {
    if (this.#listener === undefined || entry.components.verbatim.count === 0) return;
    this.#listener(keyOf(entry), undefined);
  }

  /** Its files are closed, and still there. */
  onClosed(key: string, entry: BlobEntry): void {
    if (this.#listener === undefined) return;
    const runs = entry.components.verbatim.runsOf((chunk) => isHere(entry, chunk));
    if (runs.length === 0) return;
    const blob = keyOf(entry);
    const { data: path } = entry.components.paths;
    this.#tellGone(this.#left.add(key, { blob, path, runs }));
    this.#listener(blob, runs);
    this.#listener(blob, undefined);
  }

  /** The files of this key are about to be opened or removed. */
  onTouched(key: string): void {
    this.#tellGone(this.#left.remove(key));
  }

  #tellGone(left: readonly LeftBlob[]): void {
    for (const { blob } of left) this.#listener?.(blob, undefined);
  }

  #isOpen(entry: BlobEntry): boolean {
    return this.#entries.get(entry.components.fileKey)?.entry === entry;
  }

  async #readPart(blob: SizedBlob, range: StoredRange): Promise<Buffer | undefined> {
    for (const entry of this.#entriesOf(blob)) {
      const place = entry.components.verbatim.placeOf(range);
      if (place === undefined || !isHere(entry, place.chunk)) continue;
      const { files } = entry.components;
      const bytes = await files.readData(place.length, place.position).catch(() => undefined);
      // It may have been found damaged meanwhile.
      if (bytes !== undefined && isHere(entry, place.chunk)) return bytes;
    }
    return await this.#left.readPart(blob, range);
  }

  #entriesOf({ blobId, sizeBytes }: SizedBlob): BlobEntry[] {
    const open = Array.from(this.#entries.values(), ({ entry }) => entry);
    return open.filter(
      ({ description }) => description.blobId === blobId && description.storedBytes === sizeBytes,
    );
  }
}

function isHere({ presence, components }: BlobEntry, chunk: number): boolean {
  return components.files.isDurable(chunk) && presence.isPresent(chunk);
}

function keyOf({ description: { blobId, storedBytes } }: BlobEntry): SizedBlob {
  return { blobId, sizeBytes: storedBytes };
}
