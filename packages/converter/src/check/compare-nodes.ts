/** Compares every attribute of two objects of the same name. */
import type { ByteString } from '@shoal/rafs';
import { bytesOf, printableName } from '@shoal/rafs';
import { printablePath } from '../image/printable-path.ts';
import type { ImageNode } from '../image/tree-view.ts';
import { EntryKind } from '../layer/layer-entry.ts';
import { decodeDevice } from '../layer/tar-layer.ts';
import { formatTime, kindName } from '../list/format-entry.ts';
import type { DifferenceList } from './difference-list.ts';

/** A number that has to be the same, by its name, and how it is shown. */
type Attribute = {
  readonly name: string;
  readonly isSame: (a: ImageNode, b: ImageNode) => boolean;
  readonly show: (node: ImageNode) => string;
};

const ATTRIBUTES: readonly Attribute[] = [
  {
    name: 'mode',
    isSame: (a, b) => a.mode === b.mode,
    show: ({ mode }) => mode.toString(8).padStart(4, '0'),
  },
  { name: 'owner', isSame: (a, b) => a.uid === b.uid, show: ({ uid }) => String(uid) },
  { name: 'group', isSame: (a, b) => a.gid === b.gid, show: ({ gid }) => String(gid) },
  {
    name: 'mtime',
    isSame: (a, b) => a.seconds === b.seconds && a.nanoseconds === b.nanoseconds,
    show: ({ seconds, nanoseconds }) => formatTime(seconds, nanoseconds),
  },
  { name: 'link count', isSame: (a, b) => a.nlink === b.nlink, show: ({ nlink }) => String(nlink) },
  { name: 'size', isSame: (a, b) => a.size === b.size, show: ({ size }) => String(size) },
];
const SHOWN_VALUE_BYTES = 32;

/** Adds what differs. Objects of different types are compared no further. */
export function compareNodes(
  path: ByteString,
  source: ImageNode,
  target: ImageNode,
  differences: DifferenceList,
): void {
  const add = (attribute: string, a: string, b: string) => {
    if (a === b) return;
    const shownPath = `/${printablePath(path)}`;
    differences.add({ scope: 'tree', path: shownPath, attribute, source: a, target: b });
  };
  if (source.kind !== target.kind) {
    add('type', kindName(source.kind), kindName(target.kind));
    return;
  }
  for (const { name, isSame, show } of ATTRIBUTES) {
    if (!isSame(source, target)) add(name, show(source), show(target));
  }
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
