/**
 * Entries that only describe the entry after them, or all that follow: GNU long names (`L`, `K`), PAX
 * records of a file (`x`) and global ones (`g`). Bodies are collected here, piece by piece, and what
 * they say is kept until it is applied. Throws `DraftProblem`; what threw is then useless.
 */
import { TAR_RECORD_BYTES_MAX } from '../limits.ts';
import type { PaxRecord } from './pax.ts';
import { mergeGlobal, parsePaxRecords } from './pax.ts';
import type { TarDraft } from './tar-draft.ts';
import { applyPax, DraftProblem } from './tar-draft.ts';

/** True for an entry that is no entry of its own. */
export function isExtensionHeader(draft: TarDraft): boolean {
  return 'xgLK'.includes(draft.typeflag);
}

export class ExtensionHeaders {
  #globalRecords: readonly PaxRecord[] = [];
  #localRecords: readonly PaxRecord[] = [];
  #longName: Buffer | undefined;
  #longLink: Buffer | undefined;
  /** The one whose body is being collected. */
  #record: { readonly flag: string; readonly body: Buffer; fill: number } | undefined;

  /** True while something waits for the entry that it describes. */
  get hasPending(): boolean {
    return (this.#longName ?? this.#longLink ?? this.#localRecords[0]) !== undefined;
  }

  /** False while the body of one is being collected. */
  get isComplete(): boolean {
    return this.#record === undefined;
  }

  /** Begins one, whose body follows; an empty one is complete at once. */
  open({ typeflag, storedSize }: TarDraft): void {
    if (storedSize < 0 || storedSize > TAR_RECORD_BYTES_MAX) {
      const detail = `${storedSize} bytes; at most ${TAR_RECORD_BYTES_MAX} are read`;
      throw new DraftProblem('limit', detail);
    }
    this.#record = { flag: typeflag, body: Buffer.alloc(storedSize), fill: 0 };
    if (storedSize === 0) this.#close(typeflag, this.#record.body);
  }

  /** Takes bytes of the body from `at` on, and says how many. */
  write(bytes: Buffer, at: number): number {
    const record = this.#record;
    if (record === undefined) throw new TypeError('no record is open');
    const copied = bytes.copy(record.body, record.fill, at);
    record.fill += copied;
    if (record.fill === record.body.length) this.#close(record.flag, record.body);
    return copied;
  }

  /** Lets the entry have what was said of it, global records lowest. */
  apply(draft: TarDraft): void {
    if (this.#longName !== undefined) draft.name = this.#longName;
    if (this.#longLink !== undefined) draft.linkName = this.#longLink;
    applyPax(draft, this.#globalRecords, this.#localRecords);
    this.#longName = undefined;
    this.#longLink = undefined;
    this.#localRecords = [];
  }

  #close(flag: string, body: Buffer): void {
    this.#record = undefined;
    if (flag === 'L') this.#longName = textOfRecord(body);
    else if (flag === 'K') this.#longLink = textOfRecord(body);
    else if (flag === 'x') this.#localRecords = checked(parsePaxRecords(body));
    else {
      const records = checked(parsePaxRecords(body));
      this.#globalRecords = checked(mergeGlobal(this.#globalRecords, records));
    }
  }
}

function checked(records: readonly PaxRecord[] | string): readonly PaxRecord[] {
  if (typeof records === 'string') throw new DraftProblem('header', records);
  return records;
}

/** The text of a GNU long-name record: up to its NUL. */
function textOfRecord(body: Buffer): Buffer {
  const nul = body.indexOf(0);
  return nul === -1 ? body : body.subarray(0, nul);
}
