/**
 * Compares two root file systems completely: every name, every attribute, every hard link, and by
 * the digests of its chunks every byte. Both are walked together in byte order of their names.
 */
import type { ByteString } from '@shoal/rafs';
import { childPath, compareByteStrings, NO_BYTES } from '@shoal/rafs';
import { printablePath } from '../image/printable-path.ts';
import type { Child, HashedTree } from '../image/tree-view.ts';
import { EntryKind } from '../layer/layer-entry.ts';
import { kindName } from '../list/format-entry.ts';
import { compareNodes } from './compare-nodes.ts';
import type { DifferenceList } from './difference-list.ts';

export type TreeCounts = { inodes: number; files: number; bytes: number };

export type TreeComparison<A, B> = {
  readonly source: HashedTree<A>;
  readonly target: HashedTree<B>;
  readonly chunkSize: number;
  readonly differences: DifferenceList;
};

type Pair<A, B> = { readonly path: ByteString; readonly source: A; readonly target: B };

/** Walks both trees; differences go to the list. */
export function compareTrees<A, B>(comparison: TreeComparison<A, B>): TreeCounts {
  const { source, target } = comparison;
  const counts: TreeCounts = { inodes: 0, files: 0, bytes: 0 };
  const links = new LinkIdentities();
  const todo: Pair<A, B>[] = [{ path: NO_BYTES, source: source.root, target: target.root }];
  for (let pair = todo.pop(); pair !== undefined; pair = todo.pop()) {
    comparePair(comparison, pair, links, counts);
    const below = matchChildren(comparison, pair);
    for (const next of below.toReversed()) todo.push(next);
  }
  return counts;
}

function comparePair<A, B>(
  { source, target, chunkSize, differences }: TreeComparison<A, B>,
  { path, source: a, target: b }: Pair<A, B>,
  links: LinkIdentities,
  counts: TreeCounts,
): void {
  const sourceNode = source.node(a);
  const targetNode = target.node(b);
  const known = links.match(source.identity(a), target.identity(b));
  const hasNames = sourceNode.nlink > 1 || targetNode.nlink > 1;
  if (known === undefined) {
    if (hasNames && sourceNode.kind !== EntryKind.directory) links.name(path);
  } else {
    if (known.sourceFirst !== known.targetFirst) reportLinks(known, path, links, differences);
    return;
  }
  counts.inodes += 1;
  compareNodes(path, sourceNode, targetNode, differences);
  if (sourceNode.kind !== EntryKind.regular || targetNode.kind !== EntryKind.regular) return;
  counts.files += 1;
  counts.bytes += sourceNode.size;
  // Of files of different length the length has been reported already.
  if (sourceNode.size !== targetNode.size) return;
  const offset = firstDifference(source.digests(a), target.digests(b), chunkSize);
  if (offset === undefined) return;
  differences.add({
    scope: 'content',
    path: shownPath(path),
    attribute: 'content',
    source: `its own bytes from about offset ${offset}`,
    target: 'other bytes',
  });
}

type FirstSeen = {
  readonly sourceFirst: number | undefined;
  readonly targetFirst: number | undefined;
};

function reportLinks(
  { sourceFirst, targetFirst }: FirstSeen,
  path: ByteString,
  links: LinkIdentities,
  differences: DifferenceList,
): void {
  differences.add({
    scope: 'tree',
    path: shownPath(path),
    attribute: 'hard link',
    source: shownLink(sourceFirst, links),
    target: shownLink(targetFirst, links),
  });
}

function shownPath(path: ByteString): string {
  return `/${printablePath(path)}`;
}

function shownLink(first: number | undefined, links: LinkIdentities): string {
  if (first === undefined) return 'an object of its own';
  const path = links.nameOf(first);
  return path === undefined ? 'linked to an earlier name' : `linked to ${shownPath(path)}`;
}

/**
 * Remembers as which pair of the walk each object was seen first, on both sides. Numbers, not
 * paths: of most objects nobody ever asks for the first name.
 */
class LinkIdentities {
  readonly #sources = new Map<unknown, number>();
  readonly #targets = new Map<unknown, number>();
  readonly #names = new Map<number, ByteString>();
  #pairs = 0;

  /** Undefined when both objects are new; else the number of the first pair of each. */
  match(source: unknown, target: unknown): FirstSeen | undefined {
    const pair = this.#pairs++;
    const sourceFirst = firstPair(this.#sources, source, pair);
    const targetFirst = firstPair(this.#targets, target, pair);
    if (sourceFirst === undefined && targetFirst === undefined) return undefined;
    return { sourceFirst, targetFirst };
  }

  /** Keeps the path of the pair that was matched last. */
  name(path: ByteString): void {
    this.#names.set(this.#pairs - 1, path);
  }

  nameOf(pair: number): ByteString | undefined {
    return this.#names.get(pair);
  }
}

/** The pair at which the object was seen before; undefined and remembered when it is new. */
function firstPair(
  seen: Map<unknown, number>,
  identity: unknown,
  pair: number,
): number | undefined {
  if (identity === undefined) return undefined;
  const first = seen.get(identity);
  if (first === undefined) seen.set(identity, pair);
  return first;
}

/** Children that both sides have; a name that only one has is a difference. */
function matchChildren<A, B>(
  { source, target, differences }: TreeComparison<A, B>,
  { path, source: a, target: b }: Pair<A, B>,
): Pair<A, B>[] {
  const pairs: Pair<A, B>[] = [];
  const pathOf = (name: ByteString) => childPath(path, name);
  const report = (name: ByteString, side: 'source' | 'target', kind: number) =>
    differences.add({
      scope: 'tree',
      path: shownPath(pathOf(name)),
      attribute: 'name',
      [side]: kindName(kind),
    });
  for (const [left, right] of zipByName(source.children(a), target.children(b))) {
    if (left !== undefined && right !== undefined) {
      pairs.push({ path: pathOf(left.name), source: left.handle, target: right.handle });
    } else if (left !== undefined) {
      report(left.name, 'source', source.node(left.handle).kind);
    } else if (right !== undefined) {
      report(right.name, 'target', target.node(right.handle).kind);
    }
  }
  return pairs;
}

/** Two sorted lists side by side: equal names together, others alone. */
function* zipByName<A, B>(
  left: readonly Child<A>[],
  right: readonly Child<B>[],
): Generator<[Child<A> | undefined, Child<B> | undefined], void> {
  let i = 0;
  let j = 0;
  while (i < left.length || j < right.length) {
    const a = left[i];
    const b = right[j];
    const order = orderOf(a, b);
    if (order <= 0) i += 1;
    if (order >= 0) j += 1;
    yield [order <= 0 ? a : undefined, order >= 0 ? b : undefined];
  }
}

function orderOf<A, B>(a: Child<A> | undefined, b: Child<B> | undefined): number {
  if (a === undefined) return 1;
  if (b === undefined) return -1;
  return compareByteStrings(a.name, b.name);
}

/** File offset of the first chunk that differs. */
function firstDifference(source: Buffer, target: Buffer, chunkSize: number): number | undefined {
  if (source.equals(target)) return undefined;
  const length = Math.max(source.length, target.length);
  for (let at = 0; at < length; at += 32) {
    const isSame = source.subarray(at, at + 32).equals(target.subarray(at, at + 32));
    if (!isSame) return (at / 32) * chunkSize;
  }
  return 0;
}
