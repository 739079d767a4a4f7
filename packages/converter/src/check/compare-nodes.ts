/** Compares every attribute of two objects of the same name. */
import type { ByteString } from '@shoal/rafs';
import { bytesOf, printableName } from '@shoal/rafs';
import { printablePath } from '../image/printable-path.ts';
import type { ImageNode } from '../image/tree-view.ts';
import { EntryKind } from '../layer/layer-entry.ts';
import { decodeDevice } from '../layer/tar-layer.ts';
import { formatTime, kindName } from '../list/format-entry.ts';
import type { DifferenceList } from './difference-list.ts';

const ATTRIBUTES: readonly (readonly [string, (node: ImageNode) => string])[] = [
  ['mode', ({ mode }) => mode.toString(8).padStart(4, '0')],
  ['owner', ({ uid }) => String(uid)],
  ['group', ({ gid }) => String(gid)],
  ['mtime', ({ seconds, nanoseconds }) => formatTime(seconds, nanoseconds)],
  ['link count', ({ nlink }) => String(nlink)],
];
const SHOWN_VALUE_BYTES = 32;

/** Adds what differs. Objects of different types are compared no further. */
export function compareNodes(
  path: string,
  source: ImageNode,
  target: ImageNode,
  differences: DifferenceList,
): void {
  const add = (attribute: string, a: string, b: string) => {
    if (a !== b) differences.add({ scope: 'tree', path, attribute, source: a, target: b });
  };
  if (source.kind !== target.kind) {
    add('type', kindName(source.kind), kindName(target.kind));
    return;
  }
  for (const [attribute, text] of ATTRIBUTES) add(attribute, text(source), text(target));
  if (source.kind === EntryKind.regular) add('size', String(source.size), String(target.size));
  if (source.kind === EntryKind.character || source.kind === EntryKind.block) {
    add('device', formatDevice(source.rdev), formatDevice(target.rdev));
  }
  if (source.target !== target.target) {
    add('symlink target', printablePath(source.target), printablePath(target.target));
  }
  compareXattrs(source, target, add);
}

function formatDevice(rdev: number): string {
  const { major, minor } = decodeDevice(rdev);
  return `${major}:${minor}`;
}

function compareXattrs(
  source: ImageNode,
  target: ImageNode,
  add: (attribute: string, a: string, b: string) => void,
): void {
  if (source.xattrs.length === 0 && target.xattrs.length === 0) return;
  const values = new Map(target.xattrs.map(({ name, value }) => [name, value]));
  for (const { name, value } of source.xattrs) {
    const other = values.get(name);
    values.delete(name);
    if (other !== value) add(`xattr ${printableName(name)}`, shown(value), shown(other));
  }
  for (const [name, value] of values) add(`xattr ${printableName(name)}`, 'none', shown(value));
}

/** Enough of a value to see a difference in its beginning; its length tells the rest. */
function shown(value: ByteString | undefined): string {
  if (value === undefined) return 'none';
  const bytes = bytesOf(value);
  const hex = bytes.toString('hex', 0, SHOWN_VALUE_BYTES);
  return `0x${hex}${bytes.length > SHOWN_VALUE_BYTES ? '...' : ''} (${bytes.length} bytes)`;
}
