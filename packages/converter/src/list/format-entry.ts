/** One object of an image as a line (like `ls -l`) and as plain data for JSON. */
import type { ByteString } from '@shoal/rafs';
import { bytesOf, joinPath, NO_BYTES } from '@shoal/rafs';
import { printablePath } from '../image/printable-path.ts';
import type { ImageNode } from '../image/tree-view.ts';
import { EntryKind } from '../layer/layer-entry.ts';
import { decodeDevice } from '../layer/tar-layer.ts';
import type { ListedEntry } from './list-tree.ts';

const KIND_NAMES = ['file', 'directory', 'symlink', '', 'character', 'block', 'fifo', 'socket'];
const KIND_LETTERS = ['-', 'd', 'l', '?', 'c', 'b', 'p', 's'];
const SETUID = 0o4000;
const SETGID = 0o2000;
const STICKY = 0o1000;

/** `file`, `directory`, ... */
export function kindName(kind: number): string {
  return KIND_NAMES[kind] || 'unknown';
}

/** `drwxr-xr-x` */
export function formatMode(kind: number, mode: number): string {
  const triple = (shift: number, special: number, letter: string) => {
    const bits = mode >> shift;
    const isRunnable = (bits & 1) !== 0;
    const plain = isRunnable ? 'x' : '-';
    const marked = isRunnable ? letter : letter.toUpperCase();
    const last = (mode & special) === 0 ? plain : marked;
    return `${bits & 4 ? 'r' : '-'}${bits & 2 ? 'w' : '-'}${last}`;
  };
  const letter = KIND_LETTERS[kind] ?? '?';
  return `${letter}${triple(6, SETUID, 's')}${triple(3, SETGID, 's')}${triple(0, STICKY, 't')}`;
}

/** ISO 8601 with nanoseconds, for any second a 64-bit number can count. */
export function formatTime(seconds: number, nanoseconds: number): string {
  const fraction = String(nanoseconds).padStart(9, '0');
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) return `@${seconds}.${fraction}`;
  return `${date.toISOString().slice(0, -5)}.${fraction}Z`;
}

/** As stat(2) has it: of a symlink the length of its target. */
function shownSize({ kind, size, target }: ImageNode): number {
  return kind === EntryKind.symlink ? target.length : size;
}

/** The entry's line for `shoal ls -l`. */
export function formatLongEntry({ path, node }: ListedEntry): string {
  const isDevice = node.kind === EntryKind.character || node.kind === EntryKind.block;
  const { major, minor } = decodeDevice(node.rdev);
  const columns = [
    formatMode(node.kind, node.mode) + (node.xattrs.length > 0 ? '+' : ' '),
    String(node.nlink).padStart(3),
    String(node.uid).padStart(5),
    String(node.gid).padStart(5),
    (isDevice ? `${major}, ${minor}` : String(shownSize(node))).padStart(12),
    formatTime(node.seconds, node.nanoseconds),
    printablePath(path) || '.',
  ];
  const target = node.kind === EntryKind.symlink ? ` -> ${printablePath(node.target)}` : '';
  return columns.join(' ') + target;
}

/** The entry as plain data. Bytes that are no UTF-8 are given as base64 beside the printable text. */
export function entryFacts({ path, node }: ListedEntry): Record<string, unknown> {
  const isDevice = node.kind === EntryKind.character || node.kind === EntryKind.block;
  return {
    ...textFacts('path', joinPath([NO_BYTES, path])),
    type: kindName(node.kind),
    mode: node.mode.toString(8).padStart(4, '0'),
    uid: node.uid,
    gid: node.gid,
    size: shownSize(node),
    nlink: node.nlink,
    mtime: formatTime(node.seconds, node.nanoseconds),
    mtimeSeconds: node.seconds,
    mtimeNanoseconds: node.nanoseconds,
    ...(isDevice ? { device: decodeDevice(node.rdev) } : {}),
    ...(node.kind === EntryKind.symlink ? textFacts('target', node.target) : {}),
    ...(node.xattrs.length > 0 ? { xattrs: xattrFacts(node) } : {}),
  };
}

function xattrFacts({ xattrs }: ImageNode): Record<string, unknown>[] {
  return xattrs.map(({ name, value }) => ({
    ...textFacts('name', name),
    valueBase64: bytesOf(value).toString('base64'),
  }));
}

function textFacts(key: string, bytes: ByteString): Record<string, string> {
  const buffer = bytesOf(bytes);
  const text = buffer.toString('utf8');
  if (Buffer.from(text, 'utf8').equals(buffer)) return { [key]: text };
  return { [key]: printablePath(bytes), [`${key}Base64`]: buffer.toString('base64') };
}
