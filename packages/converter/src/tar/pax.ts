/**
 * PAX extended header records (POSIX.1-2001): `"%d %s=%s\n"`, the number counting the whole record.
 * Keys are kept as byte strings, values as bytes, because attribute values are binary and names
 * need not be UTF-8; `hdrcharset` is therefore ignored on purpose.
 */
import { TAR_GLOBAL_BYTES_MAX } from '../limits.ts';
import type { Timestamp } from './tar-entry.ts';

/** Records in order of appearance; sparse 0.0 repeats keys, so this is a list, not a map. */
export type PaxRecord = { readonly key: string; readonly value: Buffer };

/** Keys whose values end up in names: a NUL in them would cut the name short. */
const TEXT_KEYS = new Set(['path', 'linkpath', 'uname', 'gname']);
const LENGTH_DIGITS_MAX = 7;

/** All records of one extended header; the reason as a string when it is malformed. */
export function parsePaxRecords(body: Buffer): PaxRecord[] | string {
  const records: PaxRecord[] = [];
  let at = 0;
  while (at < body.length) {
    // Some writers pad the header with NULs up to the block.
    if (body[at] === 0) break;
    const blank = body.indexOf(0x20, at);
    if (blank <= at || blank - at > LENGTH_DIGITS_MAX) return 'PAX record without a length';
    const length = parseDecimal(body.toString('latin1', at, blank));
    const end = at + (length ?? 0);
    if (length === undefined || end > body.length || end <= blank + 1) {
      return 'PAX record with a wrong length';
    }
    if (body[end - 1] !== 0x0a) return 'PAX record does not end with a newline';
    const equals = body.indexOf(0x3d, blank + 1);
    if (equals === -1 || equals >= end || equals === blank + 1) return 'PAX record without a key';
    const key = body.toString('latin1', blank + 1, equals);
    const value = Buffer.from(body.subarray(equals + 1, end - 1));
    if (TEXT_KEYS.has(key) ? value.includes(0) : key.includes('\0')) return `NUL in PAX ${key}`;
    records.push({ key, value });
    at = end;
  }
  return records;
}

/** One record as bytes; the length counts its own digits. */
export function formatPaxRecord(key: string, value: Uint8Array): Buffer {
  const rest = Buffer.byteLength(key, 'latin1') + value.length + 3;
  let length = rest + String(rest).length;
  if (String(length).length !== String(rest).length) length = rest + String(length).length;
  return Buffer.concat([Buffer.from(`${length} ${key}=`, 'latin1'), value, Buffer.from('\n')]);
}

/** Later global headers override earlier ones key by key; the reason as a string when too long. */
export function mergeGlobal(
  old: readonly PaxRecord[],
  added: readonly PaxRecord[],
): PaxRecord[] | string {
  const merged = new Map([...old, ...added].map((record) => [record.key, record]));
  let bytes = 0;
  for (const { key, value } of merged.values()) bytes += key.length + value.length;
  if (bytes > TAR_GLOBAL_BYTES_MAX)
    return `global headers of more than ${TAR_GLOBAL_BYTES_MAX} bytes`;
  return [...merged.values()];
}

/** Digits only, below 2^53. */
export function parseDecimal(text: string): number | undefined {
  if (!/^\d{1,16}$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** `[-]seconds[.fraction]`; digits beyond nanoseconds are cut, as Go's reader cuts them. */
export function parsePaxTime(text: string): Timestamp | undefined {
  const match = /^(-?)(\d{1,16})(?:\.(\d*))?$/.exec(text);
  if (match === null) return undefined;
  const seconds = parseDecimal(match[2] ?? '');
  if (seconds === undefined) return undefined;
  const fraction = Number((match[3] ?? '').slice(0, 9).padEnd(9, '0'));
  if (match[1] !== '-') return { seconds, nanoseconds: fraction };
  if (fraction === 0) return { seconds: seconds === 0 ? 0 : -seconds, nanoseconds: 0 };
  return { seconds: -seconds - 1, nanoseconds: 1_000_000_000 - fraction };
}

/** The inverse of `parsePaxTime`, without trailing zeros. */
export function formatPaxTime(time: Timestamp): string {
  const negative = time.seconds < 0;
  let seconds = time.seconds;
  let fraction = time.nanoseconds;
  if (negative && fraction > 0) {
    seconds += 1;
    fraction = 1_000_000_000 - fraction;
  }
  const sign = negative ? '-' : '';
  const whole = `${sign}${Math.abs(seconds)}`;
  if (fraction === 0) return whole;
  return `${whole}.${String(fraction).padStart(9, '0').replace(/0+$/, '')}`;
}
