/**
 * Turns an archive into layer entries: metadata goes to the entry writer, content to the chunk
 * cutter. Whiteout markers carry no content worth storing, so theirs is skipped.
 */
import { byteString } from '@shoal/rafs';
import type { ChunkCutter } from '../chunk/chunk-cutter.ts';
import { ImageLimitError } from '../errors.ts';
import { LAYER_ENTRIES_MAX } from '../limits.ts';
import type { TarEntry, TarHandler } from '../tar/tar-entry.ts';
import { TarEntryType } from '../tar/tar-entry.ts';
import type { EntryWriter } from './entry-codec.ts';
import { type FirstReads, NO_FIRST_READS } from './first-reads.ts';
import type { LayerEntry } from './layer-entry.ts';
import { EntryKind } from './layer-entry.ts';

const KIND_OF_TYPE: Readonly<Record<TarEntryType, EntryKind>> = {
  [TarEntryType.regular]: EntryKind.regular,
  [TarEntryType.directory]: EntryKind.directory,
  [TarEntryType.symlink]: EntryKind.symlink,
  [TarEntryType.hardlink]: EntryKind.hardlink,
  [TarEntryType.character]: EntryKind.character,
  [TarEntryType.block]: EntryKind.block,
  [TarEntryType.fifo]: EntryKind.fifo,
};

export type LayerCounts = { entries: number; fileBytes: number };

export class TarLayerHandler implements TarHandler {
  readonly counts: LayerCounts = { entries: 0, fileBytes: 0 };
  readonly #entries: EntryWriter;
  readonly #cutter: ChunkCutter;
  readonly #firstReads: FirstReads;
  #entry: TarEntry | undefined;
  #hasContent = false;

  constructor(entries: EntryWriter, cutter: ChunkCutter, firstReads = NO_FIRST_READS) {
    this.#entries = entries;
    this.#cutter = cutter;
    this.#firstReads = firstReads;
  }

  onEntry(entry: TarEntry): void {
    this.counts.entries += 1;
    if (this.counts.entries > LAYER_ENTRIES_MAX) {
      throw new ImageLimitError(`a layer has more than ${LAYER_ENTRIES_MAX} entries`, {
        remedy: 'no sound layer is this large: check where it came from',
      });
    }
    this.#entry = entry;
    this.#hasContent = entry.type === TarEntryType.regular && !isWhiteout(entry.name);
    if (!this.#hasContent) return;
    this.counts.fileBytes += entry.size;
    this.#cutter.openFile(entry.size, this.#firstReads.ranksOf(byteString(entry.name)));
  }

  onData(bytes: Buffer): void {
    if (this.#hasContent) this.#cutter.write(bytes);
  }

  onHole(length: number): void {
    if (this.#hasContent) this.#cutter.writeHole(length);
  }

  onEntryEnd(): void {
    const entry = this.#entry;
    if (entry === undefined) throw new TypeError('no entry is open');
    const chunks = this.#hasContent ? this.#cutter.closeFile() : [];
    this.#entries.push(layerEntryOf(entry, chunks));
    this.#entry = undefined;
  }
}

/** The last component starts with `.wh.`: a marker, whatever its type. */
function isWhiteout(name: Buffer): boolean {
  let end = name.length;
  while (end > 0 && name[end - 1] === 0x2f) end--;
  const start = name.lastIndexOf(0x2f, end - 1) + 1;
  return name.toString('latin1', start, start + 4) === '.wh.';
}

function layerEntryOf(entry: TarEntry, chunks: readonly number[]): LayerEntry {
  return {
    path: byteString(entry.name),
    kind: KIND_OF_TYPE[entry.type],
    mode: entry.mode,
    uid: entry.uid,
    gid: entry.gid,
    seconds: entry.mtime.seconds,
    nanoseconds: entry.mtime.nanoseconds,
    rdev: encodeDevice(entry.deviceMajor, entry.deviceMinor),
    linkName: byteString(entry.linkName),
    xattrs: entry.xattrs.map(({ name, value }) => ({
      name: byteString(name),
      value: byteString(value),
    })),
    size: entry.size,
    chunks,
  };
}

/** Linux `new_encode_dev`: what EROFS stores and stat(2) is made from. */
export function encodeDevice(major: number, minor: number): number {
  return ((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)) >>> 0;
}

/** The inverse of `encodeDevice`. */
export function decodeDevice(rdev: number): { readonly major: number; readonly minor: number } {
  return { major: (rdev >>> 8) & 0xfff, minor: (rdev & 0xff) | ((rdev >>> 12) & 0xfff00) };
}
