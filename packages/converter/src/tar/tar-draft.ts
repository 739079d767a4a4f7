/**
 * An entry while its headers are still being put together: the base block first, then GNU long
 * names, then PAX records (global ones below those of the file). Semantics follow Go's
 * archive/tar, which is what every container engine reads layers with.
 */
import { readTarName, readTarNumber, readTarText, TAR_FIELD, tarFormat } from '@shoal/oci';
import { XATTR_NAME_BYTES_MAX, XATTR_VALUE_BYTES_MAX } from '@shoal/rafs';
import {
  DEVICE_MAJOR_MAX,
  DEVICE_MINOR_MAX,
  FILE_BYTES_MAX,
  OWNER_ID_MAX,
  TAR_NAME_BYTES_MAX,
} from '../limits.ts';
import type { PaxRecord } from './pax.ts';
import { parseDecimal, parsePaxTime } from './pax.ts';
import type { SparseExtent, TarEntry, TarXattr, Timestamp } from './tar-entry.ts';
import { TarEntryType } from './tar-entry.ts';

export type TarDraft = {
  name: Buffer;
  typeflag: string;
  mode: number;
  uid: number;
  gid: number;
  /** Bytes in the archive; the logical size differs for sparse files. */
  storedSize: number;
  logicalSize: number | undefined;
  mtime: Timestamp;
  linkName: Buffer;
  deviceMajor: number;
  deviceMinor: number;
  xattrs: TarXattr[];
  sparse: SparseExtent[] | undefined;
  /** PAX sparse 1.0: the map precedes the data. */
  sparseMapInData: boolean;
  offset: number;
};

/** Why an entry is refused: `limit` for a bound of ours, `header` for nonsense. */
export class DraftProblem extends Error {
  readonly kind: 'limit' | 'header';

  constructor(kind: 'limit' | 'header', message: string) {
    super(message);
    this.kind = kind;
  }
}

/** The draft of one base header block. */
export function draftOfBlock(block: Buffer, offset: number): TarDraft {
  const extended = tarFormat(block) !== 'v7';
  return {
    name: readTarName(block),
    typeflag: String.fromCharCode(block[TAR_FIELD.typeflag.offset] ?? 0),
    mode: number(block, 'mode') & 0o7777,
    uid: number(block, 'uid'),
    gid: number(block, 'gid'),
    storedSize: number(block, 'size'),
    logicalSize: undefined,
    mtime: { seconds: number(block, 'mtime'), nanoseconds: 0 },
    linkName: readTarText(block, TAR_FIELD.linkName),
    deviceMajor: extended ? number(block, 'deviceMajor') : 0,
    deviceMinor: extended ? number(block, 'deviceMinor') : 0,
    xattrs: [],
    sparse: undefined,
    sparseMapInData: false,
    offset,
  };
}

function number(block: Buffer, field: keyof typeof TAR_FIELD): number {
  const value = readTarNumber(block, TAR_FIELD[field]);
  if (value === undefined) throw new DraftProblem('header', `field ${field} is not a number`);
  return value;
}

const SCHILY = 'SCHILY.xattr.';
const LIBARCHIVE = 'LIBARCHIVE.xattr.';

/** Applies global records, then those of the file; an empty value takes a record back. */
export function applyPax(
  draft: TarDraft,
  global: readonly PaxRecord[],
  local: readonly PaxRecord[],
): void {
  if (global.length === 0 && local.length === 0) return;
  const effective = new Map<string, Buffer>();
  for (const { key, value } of global) effective.set(key, value);
  for (const { key, value } of local) effective.set(key, value);
  const xattrs = new Map<string, TarXattr>();
  for (const [key, value] of effective) {
    if (value.length === 0) continue;
    if (key.startsWith(SCHILY)) setXattr(xattrs, key.slice(SCHILY.length), value);
    else applyField(draft, key, value);
  }
  for (const [key, value] of effective) {
    if (value.length > 0 && key.startsWith(LIBARCHIVE)) addLibarchiveXattr(xattrs, key, value);
  }
  draft.xattrs = [...xattrs.values()];
  applySparseRecords(draft, effective, local);
}

function applyField(draft: TarDraft, key: string, value: Buffer): void {
  switch (key) {
    case 'path':
      draft.name = value;
      break;
    case 'linkpath':
      draft.linkName = value;
      break;
    case 'uid':
      draft.uid = decimal(key, value);
      break;
    case 'gid':
      draft.gid = decimal(key, value);
      break;
    case 'size':
      draft.storedSize = decimal(key, value);
      break;
    case 'mtime': {
      const time = parsePaxTime(value.toString('latin1'));
      if (time === undefined) throw new DraftProblem('header', 'PAX mtime is not a time');
      draft.mtime = time;
      break;
    }
  }
}

function decimal(key: string, value: Buffer): number {
  const parsed = parseDecimal(value.toString('latin1'));
  if (parsed === undefined) throw new DraftProblem('header', `PAX ${key} is not a number`);
  return parsed;
}

/** bsdtar's form: the name percent-encoded, the value base64. It writes both; SCHILY's wins. */
function addLibarchiveXattr(xattrs: Map<string, TarXattr>, key: string, value: Buffer): void {
  const encoded = key.slice(LIBARCHIVE.length);
  const name = encoded.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  if (xattrs.has(name)) return;
  const text = value.toString('latin1');
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text)) {
    throw new DraftProblem('header', `value of ${encoded} is not base64`);
  }
  setXattr(xattrs, name, Buffer.from(text, 'base64'));
}

function setXattr(xattrs: Map<string, TarXattr>, name: string, value: Buffer): void {
  if (name.length > XATTR_NAME_BYTES_MAX) {
    throw new DraftProblem('limit', `attribute name of ${name.length} bytes`);
  }
  if (value.length > XATTR_VALUE_BYTES_MAX) {
    throw new DraftProblem('limit', `attribute value of ${value.length} bytes`);
  }
  xattrs.set(name, { name: Buffer.from(name, 'latin1'), value });
}

/** PAX sparse 0.0 (repeated offset/numbytes), 0.1 (one map record) and 1.0 (map in the data). */
function applySparseRecords(
  draft: TarDraft,
  effective: ReadonlyMap<string, Buffer>,
  local: readonly PaxRecord[],
): void {
  const name = effective.get('GNU.sparse.name');
  const text = (key: string) => effective.get(key)?.toString('latin1');
  const major = text('GNU.sparse.major');
  const realSize = text('GNU.sparse.realsize') ?? text('GNU.sparse.size');
  const map = text('GNU.sparse.map');
  const isSparse =
    major !== undefined || map !== undefined || effective.has('GNU.sparse.numblocks');
  if (!isSparse) return;
  if (name !== undefined && name.length > 0) draft.name = name;
  if (realSize === undefined) throw new DraftProblem('header', 'sparse file without a real size');
  draft.logicalSize = decimal('GNU.sparse.realsize', Buffer.from(realSize));
  if (major === '1' && text('GNU.sparse.minor') === '0') {
    draft.sparseMapInData = true;
  } else if (map !== undefined) {
    draft.sparse = extentsOfNumbers(map === '' ? [] : map.split(','));
  } else if (major === undefined || major === '0') {
    const numbers = local
      .filter(({ key }) => key === 'GNU.sparse.offset' || key === 'GNU.sparse.numbytes')
      .map(({ value }) => value.toString('latin1'));
    draft.sparse = extentsOfNumbers(numbers);
  } else {
    throw new DraftProblem('header', `sparse format ${major} is not known`);
  }
}

/** Pairs of offset and length as decimal text. */
export function extentsOfNumbers(numbers: readonly string[]): SparseExtent[] {
  if (numbers.length % 2 !== 0) throw new DraftProblem('header', 'sparse map has an odd number');
  const extents: SparseExtent[] = [];
  for (let index = 0; index < numbers.length; index += 2) {
    const offset = parseDecimal(numbers[index] ?? '');
    const length = parseDecimal(numbers[index + 1] ?? '');
    if (offset === undefined || length === undefined) {
      throw new DraftProblem('header', 'sparse map is not numeric');
    }
    extents.push({ offset, length });
  }
  return extents;
}

const TYPE_OF_FLAG: Readonly<Record<string, TarEntryType>> = {
  '\0': TarEntryType.regular,
  '0': TarEntryType.regular,
  '1': TarEntryType.hardlink,
  '2': TarEntryType.symlink,
  '3': TarEntryType.character,
  '4': TarEntryType.block,
  '5': TarEntryType.directory,
  '6': TarEntryType.fifo,
  // POSIX: contiguous files are read as ordinary ones.
  '7': TarEntryType.regular,
  S: TarEntryType.regular,
};

/** The entry type, or undefined for flags nothing in a file system stands for. */
export function typeOfDraft(draft: TarDraft): TarEntryType | undefined {
  const isOldDirectory = draft.typeflag === '\0' && draft.name.at(-1) === 0x2f;
  return isOldDirectory ? TarEntryType.directory : TYPE_OF_FLAG[draft.typeflag];
}

/** The finished entry; throws `DraftProblem` when a value passes a limit. */
export function finishDraft(draft: TarDraft, type: TarEntryType): TarEntry {
  const isDevice = type === TarEntryType.character || type === TarEntryType.block;
  const isLink = type === TarEntryType.hardlink || type === TarEntryType.symlink;
  const size = type === TarEntryType.regular ? (draft.logicalSize ?? draft.storedSize) : 0;
  check(draft.uid >= 0 && draft.uid <= OWNER_ID_MAX, `owner ${draft.uid}`);
  check(draft.gid >= 0 && draft.gid <= OWNER_ID_MAX, `group ${draft.gid}`);
  check(draft.name.length <= TAR_NAME_BYTES_MAX, `name of ${draft.name.length} bytes`);
  check(draft.linkName.length <= TAR_NAME_BYTES_MAX, `link of ${draft.linkName.length} bytes`);
  check(size <= FILE_BYTES_MAX, `file of ${size} bytes`);
  if (size < 0) throw new DraftProblem('header', 'negative size');
  if (isDevice) {
    check(draft.deviceMajor >= 0 && draft.deviceMajor <= DEVICE_MAJOR_MAX, 'device major number');
    check(draft.deviceMinor >= 0 && draft.deviceMinor <= DEVICE_MINOR_MAX, 'device minor number');
  }
  return {
    name: draft.name,
    type,
    mode: draft.mode,
    uid: draft.uid,
    gid: draft.gid,
    size,
    mtime: draft.mtime,
    linkName: isLink ? draft.linkName : Buffer.alloc(0),
    deviceMajor: isDevice ? draft.deviceMajor : 0,
    deviceMinor: isDevice ? draft.deviceMinor : 0,
    xattrs: draft.xattrs,
    offset: draft.offset,
  };
}

function check(holds: boolean, what: string): void {
  if (!holds) throw new DraftProblem('limit', `${what} is beyond what an image can hold`);
}
