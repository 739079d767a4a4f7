/** The tree that replayed layers gave, as a `TreeView`. Link counts come from counting names. */
import type { ByteString } from '@shoal/rafs';
import { attributesOf, compareByteStrings } from '@shoal/rafs';
import type { ChunkIndex } from '../chunk/chunk-index.ts';
import { DIGEST_SIZE } from '../chunk/chunk-index.ts';
import type { Directory, Inode } from '../layer/image-tree.ts';
import { EntryKind } from '../layer/layer-entry.ts';
import type { Child, HashedTree, ImageNode } from './tree-view.ts';

export class MergedTreeView implements HashedTree<Inode> {
  readonly root: Directory;
  readonly #chunks: ChunkIndex;
  /** Number of names of objects that have several. */
  readonly #names = new Map<Inode, number>();

  constructor(root: Directory, chunks: ChunkIndex) {
    this.root = root;
    this.#chunks = chunks;
    countNames(root, this.#names);
  }

  node(inode: Inode): ImageNode {
    const isRegular = inode.kind === EntryKind.regular;
    return {
      ...attributesOf(inode),
      nlink: this.#linkCount(inode),
      size: isRegular ? inode.size : 0,
      target: inode.target,
      xattrs: inode.xattrs,
    };
  }

  children(inode: Inode): readonly Child<Inode>[] {
    if (inode.children === undefined) return [];
    const list = Array.from(inode.children, ([name, dirent]) => ({ name, handle: dirent.inode }));
    return list.sort((a, b) => compareByteStrings(a.name, b.name));
  }

  child(inode: Inode, name: ByteString): Inode | undefined {
    return inode.children?.get(name)?.inode;
  }

  identity(inode: Inode): unknown {
    return this.#names.has(inode) ? inode : undefined;
  }

  digests(inode: Inode): Buffer {
    const { chunks } = inode;
    if (chunks === undefined) return Buffer.alloc(0);
    if (typeof chunks === 'number') return this.#chunks.digest(chunks);
    const digests = Buffer.allocUnsafe(chunks.length * DIGEST_SIZE);
    for (const [index, chunk] of chunks.entries()) {
      this.#chunks.digest(chunk).copy(digests, index * DIGEST_SIZE);
    }
    return digests;
  }

  #linkCount(inode: Inode): number {
    if (inode.children === undefined) return this.#names.get(inode) ?? 1;
    let count = 2;
    for (const { inode: child } of inode.children.values()) {
      if (child.children !== undefined) count += 1;
    }
    return count;
  }
}

function countNames(root: Directory, names: Map<Inode, number>): void {
  const seen = new Set<Inode>();
  const todo: Inode[] = [root];
  for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
    for (const { inode } of next.children?.values() ?? []) {
      if (inode.children !== undefined) todo.push(inode);
      else if (!seen.has(inode)) seen.add(inode);
      else names.set(inode, (names.get(inode) ?? 1) + 1);
    }
  }
}
