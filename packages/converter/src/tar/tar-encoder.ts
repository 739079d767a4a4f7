/**
 * Deterministic tar writer: a ustar block per entry, preceded by a PAX header only when something
 * does not fit it (long names, large numbers, nanoseconds, times before 1970, attributes).
 * The same entry always gives the same bytes.
 */
import {
  TAR_BLOCK_SIZE,
  TAR_FIELD,
  tarPadding,
  USTAR_MAGIC,
  writeTarChecksum,
  writeTarNumber,
} from '@shoal/oci';
import { TAR_NAME_BYTES_MAX } from '../limits.ts';
import { formatPaxRecord, formatPaxTime } from './pax.ts';
import type { TarEntry, TarXattr } from './tar-entry.ts';
import { TarEntryType } from './tar-entry.ts';

const FLAG_OF_TYPE: Readonly<Record<TarEntryType, string>> = {
  [TarEntryType.regular]: '0',
  [TarEntryType.hardlink]: '1',
  [TarEntryType.symlink]: '2',
  [TarEntryType.character]: '3',
  [TarEntryType.block]: '4',
  [TarEntryType.directory]: '5',
  [TarEntryType.fifo]: '6',
};

const SHORT_NUMBER_MAX = 8 ** 7 - 1;
const LONG_NUMBER_MAX = 8 ** 11 - 1;
/** Name of PAX headers themselves; nothing reads it, so it never varies. */
const PAX_NAME = 'PaxHeaders/entry';

export type TarEntryInput = Omit<TarEntry, 'offset'>;

/** All header blocks of one entry. The caller writes `size` bytes of content and `tarPadding`. */
export function encodeTarEntry(entry: TarEntryInput): Buffer {
  if (entry.name.length === 0 || entry.name.length > TAR_NAME_BYTES_MAX) {
    throw new RangeError(`entry name of ${entry.name.length} bytes`);
  }
  const records = paxRecordsOf(entry);
  const own = encodeBlock(entry);
  if (records.length === 0) return own;
  const body = Buffer.concat(records);
  const head = encodeBlock(
    {
      ...entry,
      name: Buffer.from(PAX_NAME),
      linkName: Buffer.alloc(0),
      mode: 0o644,
      uid: 0,
      gid: 0,
      size: body.length,
      mtime: { seconds: 0, nanoseconds: 0 },
      deviceMajor: 0,
      deviceMinor: 0,
    },
    'x',
  );
  return Buffer.concat([head, body, Buffer.alloc(tarPadding(body.length)), own]);
}

/** The two zero blocks after the last entry. */
export function encodeTarEnd(): Buffer {
  return Buffer.alloc(2 * TAR_BLOCK_SIZE);
}

function paxRecordsOf(entry: TarEntryInput): Buffer[] {
  const records: Buffer[] = [];
  const add = (key: string, value: string | Buffer) =>
    records.push(formatPaxRecord(key, typeof value === 'string' ? Buffer.from(value) : value));
  if (entry.name.length > TAR_FIELD.name.size) add('path', entry.name);
  if (entry.linkName.length > TAR_FIELD.linkName.size) add('linkpath', entry.linkName);
  if (entry.size > LONG_NUMBER_MAX) add('size', String(entry.size));
  if (entry.uid > SHORT_NUMBER_MAX) add('uid', String(entry.uid));
  if (entry.gid > SHORT_NUMBER_MAX) add('gid', String(entry.gid));
  const { seconds, nanoseconds } = entry.mtime;
  if (nanoseconds !== 0 || seconds < 0 || seconds > LONG_NUMBER_MAX) {
    add('mtime', formatPaxTime(entry.mtime));
  }
  const xattrs = entry.xattrs.toSorted((a, b) => Buffer.compare(a.name, b.name));
  for (const xattr of xattrs) records.push(xattrRecord(xattr));
  return records;
}

/** A name with `=` or NUL cannot be a SCHILY key; bsdtar's encoded form carries it. */
function xattrRecord({ name, value }: TarXattr): Buffer {
  const key = name.toString('latin1');
  if (!key.includes('=')) return formatPaxRecord(`SCHILY.xattr.${key}`, value);
  const encoded = key.replace(
    /[^A-Za-z0-9._-]/g,
    (byte) => `%${byte.charCodeAt(0).toString(16).padStart(2, '0').toUpperCase()}`,
  );
  return formatPaxRecord(`LIBARCHIVE.xattr.${encoded}`, Buffer.from(value.toString('base64')));
}

function encodeBlock(entry: TarEntryInput, flag = FLAG_OF_TYPE[entry.type]): Buffer {
  const block = Buffer.alloc(TAR_BLOCK_SIZE);
  const fits = (value: number, max: number) => (value >= 0 && value <= max ? value : 0);
  entry.name.copy(block, TAR_FIELD.name.offset, 0, TAR_FIELD.name.size);
  entry.linkName.copy(block, TAR_FIELD.linkName.offset, 0, TAR_FIELD.linkName.size);
  writeTarNumber(block, TAR_FIELD.mode, entry.mode);
  writeTarNumber(block, TAR_FIELD.uid, fits(entry.uid, SHORT_NUMBER_MAX));
  writeTarNumber(block, TAR_FIELD.gid, fits(entry.gid, SHORT_NUMBER_MAX));
  writeTarNumber(block, TAR_FIELD.size, fits(entry.size, LONG_NUMBER_MAX));
  writeTarNumber(block, TAR_FIELD.mtime, fits(entry.mtime.seconds, LONG_NUMBER_MAX));
  block.write(flag, TAR_FIELD.typeflag.offset, 'latin1');
  block.write(USTAR_MAGIC, TAR_FIELD.magic.offset, 'latin1');
  writeTarNumber(block, TAR_FIELD.deviceMajor, entry.deviceMajor);
  writeTarNumber(block, TAR_FIELD.deviceMinor, entry.deviceMinor);
  writeTarChecksum(block);
  return block;
}
