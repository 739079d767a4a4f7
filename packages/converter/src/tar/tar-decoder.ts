/**
 * Push-style tar decoder: feed it buffers of any size with `write`, close it with `end`; it calls
 * the handler in archive order. It never sees streams or files, holds at most one header record
 * besides its fixed state, and passes file content on as views without copying.
 *
 * Understood: V7, ustar, GNU (long names, base-256, sparse `S`), PAX (global and per file, sparse
 * 0.0/0.1/1.0). Specification: POSIX.1-2001 pax; GNU tar manual, appendix D.
 */
import { isTarChecksumRight, isZeroBlock, TAR_BLOCK_SIZE, tarPadding } from '@shoal/oci';
import { printableName } from '@shoal/rafs';
import type { TarPlace } from '../errors.ts';
import {
  TarChecksumError,
  TarHeaderError,
  TarLimitError,
  TarTruncatedError,
  TarTypeError,
} from '../errors.ts';
import { TAR_SPARSE_MAP_BYTES_MAX } from '../limits.ts';
import { ExtensionHeaders, isExtensionHeader } from './extension-headers.ts';
import {
  checkSparseMap,
  readGnuSparseBlock,
  readGnuSparseHeader,
  SparseMapReader,
} from './sparse.ts';
import { TarContent } from './tar-content.ts';
import type { TarDraft } from './tar-draft.ts';
import { DraftProblem, draftOfBlock, finishDraft, typeOfDraft } from './tar-draft.ts';
import type { TarHandler } from './tar-entry.ts';
import { TarEntryType } from './tar-entry.ts';

type State = 'header' | 'extension' | 'sparse-block' | 'sparse-map' | 'data' | 'padding' | 'end';

export class TarDecoder {
  readonly #handler: TarHandler;
  readonly #archive: string | undefined;
  readonly #block = Buffer.alloc(TAR_BLOCK_SIZE);
  #state: State = 'header';
  #blockFill = 0;
  /** Archive offset of the next byte to be read. */
  #offset = 0;
  readonly #extensions = new ExtensionHeaders();
  #draft: TarDraft | undefined;
  #sparseMap: SparseMapReader | undefined;
  readonly #content: TarContent;
  #paddingLeft = 0;
  #sawZeroBlock = false;

  /** `archive` names it in errors. */
  constructor(handler: TarHandler, archive?: string) {
    this.#handler = handler;
    this.#archive = archive;
    this.#content = new TarContent(handler);
  }

  /** True once the two zero blocks were read; everything after them is ignored. */
  get isEnded(): boolean {
    return this.#state === 'end';
  }

  /**
   * Feeds the next bytes of the archive and says how many were taken: all, unless `isFull` became
   * true. Throws a coded tar error; the decoder is then useless.
   */
  write(bytes: Buffer, isFull: () => boolean = never): number {
    let at = 0;
    while (at < bytes.length && !isFull()) {
      const used = this.#step(bytes, at);
      at += used;
      this.#offset += used;
    }
    return at;
  }

  /**
   * The archive is complete. Throws when it stops inside an entry. Neither the padding after the last
   * content nor an end mark is asked for: Go's archive/tar reads neither, and umoci 0.4.7 writes neither.
   */
  end(): void {
    const isBetween = this.#state === 'header' && this.#blockFill === 0;
    const clean = this.#state === 'end' || this.#state === 'padding' || isBetween;
    if (!clean || this.#extensions.hasPending) {
      throw new TarTruncatedError(this.#place(), 'the archive ends here');
    }
    this.#state = 'end';
  }

  #step(bytes: Buffer, at: number): number {
    switch (this.#state) {
      case 'data':
        return this.#data(bytes, at);
      case 'padding':
        return this.#padding(bytes.length - at);
      case 'header':
      case 'sparse-block':
      case 'sparse-map':
        return this.#fillBlock(bytes, at);
      case 'extension':
        return this.#extension(bytes, at);
      case 'end':
        return bytes.length - at;
    }
  }

  #fillBlock(bytes: Buffer, at: number): number {
    const wanted = TAR_BLOCK_SIZE - this.#blockFill;
    const copied = bytes.copy(this.#block, this.#blockFill, at, at + wanted);
    this.#blockFill += copied;
    if (copied < wanted) return copied;
    this.#blockFill = 0;
    const start = this.#offset + copied - TAR_BLOCK_SIZE;
    if (this.#state === 'header') this.#header(start);
    else if (this.#state === 'sparse-block') this.#sparseBlock();
    else this.#sparseMapBlock();
    return copied;
  }

  #header(start: number): void {
    const block = this.#block;
    if (isZeroBlock(block)) {
      // One zero block alone at the end of a file is what some writers leave; two end it for sure.
      if (this.#sawZeroBlock) this.#state = 'end';
      this.#sawZeroBlock = true;
      return;
    }
    if (this.#sawZeroBlock || !isTarChecksumRight(block)) {
      const detail = this.#sawZeroBlock ? 'data after a zero block' : 'header checksum is wrong';
      throw new TarChecksumError(this.#place('(header)', start), detail);
    }
    const draft = this.#guard(() => draftOfBlock(block, start), this.#place('(header)', start));
    if (isExtensionHeader(draft)) {
      this.#openExtension(draft);
      return;
    }
    this.#draft = draft;
    this.#guard(() => this.#assemble(draft));
  }

  #openExtension(draft: TarDraft): void {
    const place = this.#place(`(extension header ${draft.typeflag})`, draft.offset);
    this.#guard(() => this.#extensions.open(draft), place);
    this.#paddingLeft = tarPadding(draft.storedSize);
    this.#state = 'extension';
    if (this.#extensions.isComplete) this.#pad();
  }

  #extension(bytes: Buffer, at: number): number {
    const length = this.#guard(() => this.#extensions.write(bytes, at));
    if (this.#extensions.isComplete) this.#pad();
    return length;
  }

  /** All headers are there: apply them, find the sparse map if any, hand the entry out. */
  #assemble(draft: TarDraft): void {
    this.#extensions.apply(draft);
    const type = typeOfDraft(draft);
    if (type === undefined) {
      throw new TarTypeError(
        this.#place(),
        `type ${JSON.stringify(draft.typeflag)} is not supported`,
      );
    }
    if (type !== TarEntryType.regular) {
      // Links, directories and devices have no content whatever their size field says.
      draft.storedSize = 0;
      this.#open(draft, type);
      return;
    }
    if (draft.storedSize < 0) throw new DraftProblem('header', 'negative size');
    if (draft.typeflag === 'S') this.#openGnuSparse(draft);
    else if (draft.sparseMapInData) {
      this.#sparseMap = new SparseMapReader();
      this.#state = 'sparse-map';
    } else this.#open(draft, type);
  }

  #openGnuSparse(draft: TarDraft): void {
    draft.sparse = [];
    const { realSize, isWhole } = readGnuSparseHeader(this.#block, draft.sparse);
    draft.logicalSize = realSize;
    if (isWhole) this.#open(draft, TarEntryType.regular);
    else this.#state = 'sparse-block';
  }

  #sparseBlock(): void {
    const draft = this.#draft;
    if (draft?.sparse === undefined) throw new TypeError('no sparse entry is open');
    const extents = draft.sparse;
    this.#guard(() => {
      const { isWhole } = readGnuSparseBlock(this.#block, extents);
      if (isWhole) this.#open(draft, TarEntryType.regular);
    });
  }

  /** One block of a PAX 1.0 sparse map. */
  #sparseMapBlock(): void {
    const draft = this.#draft;
    const map = this.#sparseMap;
    if (draft === undefined || map === undefined) throw new TypeError('no sparse entry is open');
    this.#guard(() => {
      const extents = map.push(Buffer.from(this.#block));
      if (map.length > Math.min(draft.storedSize, TAR_SPARSE_MAP_BYTES_MAX)) {
        throw new DraftProblem('header', 'sparse map does not end');
      }
      if (extents === undefined) return;
      this.#sparseMap = undefined;
      draft.storedSize -= map.length;
      draft.sparse = extents;
      this.#open(draft, TarEntryType.regular);
    });
  }

  #open(draft: TarDraft, type: TarEntryType): void {
    const entry = finishDraft(draft, type);
    if (draft.sparse !== undefined) checkSparseMap(draft.sparse, entry.size, draft.storedSize);
    this.#content.open(draft.storedSize, entry.size, draft.sparse);
    this.#paddingLeft = tarPadding(draft.storedSize);
    this.#handler.onEntry(entry);
    this.#state = 'data';
    if (this.#content.isComplete) this.#close();
  }

  #data(bytes: Buffer, at: number): number {
    const length = this.#content.write(bytes, at);
    if (this.#content.isComplete) this.#close();
    return length;
  }

  /** The content is complete. */
  #close(): void {
    this.#content.close();
    this.#draft = undefined;
    this.#pad();
  }

  /** To the next header, past the padding of what was read. */
  #pad(): void {
    this.#state = this.#paddingLeft > 0 ? 'padding' : 'header';
  }

  #padding(available: number): number {
    const used = Math.min(available, this.#paddingLeft);
    this.#paddingLeft -= used;
    if (this.#paddingLeft === 0) this.#state = 'header';
    return used;
  }

  #place(
    entry = this.#draft === undefined ? '(header)' : printableName(this.#draft.name),
    offset = this.#draft?.offset ?? this.#offset,
  ): TarPlace {
    return { archive: this.#archive, entry, offset };
  }

  #guard<T>(run: () => T, place?: TarPlace): T {
    try {
      return run();
    } catch (error) {
      if (!(error instanceof DraftProblem)) throw error;
      const TarProblem = error.kind === 'limit' ? TarLimitError : TarHeaderError;
      throw new TarProblem(place ?? this.#place(), error.message, { cause: error });
    }
  }
}

function never(): boolean {
  return false;
}
