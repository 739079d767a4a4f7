/**
 * Extended attributes after an inode (docs/format.md, "Extended attributes"): a 12-byte header and
 * entries, inline only. Known prefixes are stored as a number; other names cannot be represented.
 */
import type { ByteString } from './byte-string.ts';
import { byteString, compareByteStrings, printableName } from './byte-string.ts';
import { RafsCorruptError, RafsInputError } from './errors.ts';
import { roundUp } from './integers.ts';
import { XATTR_AREA_BYTES_MAX, XATTR_NAME_BYTES_MAX, XATTR_VALUE_BYTES_MAX } from './limits.ts';

export const XATTR_HEADER_SIZE = 12;
export const XATTR_ENTRY_SIZE = 4;
const SHARED_COUNT_OFFSET = 4;
const WHERE = 'extended attributes';

/** Prefix numbers; of the two ACL names the whole name is the prefix. */
const PREFIXES: readonly (readonly [number, string])[] = [
  [1, 'user.'],
  [2, 'system.posix_acl_access'],
  [3, 'system.posix_acl_default'],
  [4, 'trusted.'],
  [6, 'security.'],
];
const PREFIX_OF = new Map(PREFIXES);
const WHOLE_NAMES: ReadonlySet<number> = new Set([2, 3]);

export type Xattr = { readonly name: ByteString; readonly value: Buffer };
/** An attribute as the writer takes it: the converter keeps values as byte strings. */
export type XattrInput = { readonly name: ByteString; readonly value: ByteString };

/** Bytes of the area that holds these attributes: 0 for none, else a multiple of 4. */
export function xattrAreaSize(xattrs: readonly XattrInput[]): number {
  if (xattrs.length === 0) return 0;
  let size = XATTR_HEADER_SIZE;
  for (const { name, value } of xattrs) {
    size += roundUp(XATTR_ENTRY_SIZE + nameParts(name).suffix.length + value.length, 4);
  }
  if (size <= XATTR_AREA_BYTES_MAX) return size;
  throw new RafsInputError(`the extended attributes of one file take ${size} bytes`, {
    remedy: `remove some: the format holds ${XATTR_AREA_BYTES_MAX} bytes`,
  });
}

/** Writes header and entries, sorted by name so that equal input gives equal bytes. */
export function encodeXattrs(xattrs: readonly XattrInput[], bytes: Buffer, offset: number): void {
  let at = offset + XATTR_HEADER_SIZE;
  for (const { name, value } of xattrs.toSorted((a, b) => compareByteStrings(a.name, b.name))) {
    const { index, suffix } = nameParts(name);
    if (suffix.length > XATTR_NAME_BYTES_MAX || value.length > XATTR_VALUE_BYTES_MAX) {
      throw new RafsInputError(`the extended attribute ${printableName(name)} is too large`);
    }
    bytes.writeUInt8(suffix.length, at);
    bytes.writeUInt8(index, at + 1);
    bytes.writeUInt16LE(value.length, at + 2);
    bytes.write(suffix, at + XATTR_ENTRY_SIZE, 'latin1');
    bytes.write(value, at + XATTR_ENTRY_SIZE + suffix.length, 'latin1');
    at += roundUp(XATTR_ENTRY_SIZE + suffix.length + value.length, 4);
  }
}

/** Reads a whole area; throws ERR_RAFS_CORRUPT for shared, unknown, repeated or cut entries. */
export function decodeXattrs(area: Buffer): Xattr[] {
  if (area.length === 0) return [];
  if (area.length < XATTR_HEADER_SIZE) throw new RafsCorruptError(WHERE, 'the header is cut');
  if (area.readUInt8(SHARED_COUNT_OFFSET) !== 0) {
    throw new RafsCorruptError(WHERE, 'shared attributes are not allowed');
  }
  const xattrs: Xattr[] = [];
  const names = new Set<ByteString>();
  for (let at = XATTR_HEADER_SIZE; at < area.length; ) {
    const { xattr, size } = decodeEntry(area, at);
    if (names.has(xattr.name)) {
      throw new RafsCorruptError(WHERE, `${printableName(xattr.name)} appears twice`);
    }
    names.add(xattr.name);
    xattrs.push(xattr);
    at += size;
  }
  return xattrs;
}

function decodeEntry(area: Buffer, at: number): { xattr: Xattr; size: number } {
  if (at + XATTR_ENTRY_SIZE > area.length) throw new RafsCorruptError(WHERE, 'an entry is cut');
  const nameLength = area.readUInt8(at);
  const prefixIndex = area.readUInt8(at + 1);
  const valueLength = area.readUInt16LE(at + 2);
  const prefix = PREFIX_OF.get(prefixIndex);
  if (prefix === undefined) {
    throw new RafsCorruptError(WHERE, `unknown name prefix ${prefixIndex}`);
  }
  if (WHOLE_NAMES.has(prefixIndex) === nameLength > 0) {
    throw new RafsCorruptError(WHERE, `a name of ${nameLength} bytes after ${prefix}`);
  }
  const start = at + XATTR_ENTRY_SIZE;
  const end = start + nameLength + valueLength;
  const size = roundUp(end - at, 4);
  if (at + size > area.length) throw new RafsCorruptError(WHERE, 'an entry is cut');
  const suffix = byteString(area.subarray(start, start + nameLength));
  if (suffix.includes('\0')) throw new RafsCorruptError(WHERE, 'a name holds a zero byte');
  const name = byteString(Buffer.from(prefix + suffix, 'latin1'));
  return { xattr: { name, value: area.subarray(start + nameLength, end) }, size };
}

type NameParts = { readonly index: number; readonly suffix: string };

function nameParts(name: ByteString): NameParts {
  const parts = splitName(name);
  if (parts !== undefined) return parts;
  throw new RafsInputError(`the format cannot hold the attribute ${printableName(name)}`, {
    remedy: 'use the namespaces user., trusted., security. or the two POSIX ACLs',
  });
}

function splitName(name: ByteString): NameParts | undefined {
  for (const [index, prefix] of PREFIXES) {
    if (!name.startsWith(prefix)) continue;
    const suffix = name.slice(prefix.length);
    if (WHOLE_NAMES.has(index) === (suffix === '')) return { index, suffix };
  }
  return undefined;
}
