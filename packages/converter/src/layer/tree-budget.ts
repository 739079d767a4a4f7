/**
 * Bounds the memory of the tree that layers are replayed onto. Names of millions of implied
 * directories fit into a layer of a few megabytes, and Node ends a process whose heap is full.
 */
import { ImageLimitError } from '../errors.ts';
import { IMAGE_TREE_BYTES_MAX } from '../limits.ts';
import type { Directory, Inode } from './image-tree.ts';
import { isDirectory } from './image-tree.ts';

/** What an inode, its entry in its directory and an average name take on the heap. */
const INODE_BYTES = 600;
/** Counting again costs a walk of the whole tree: not before this share of the bound is added. */
const RECOUNT_SHARE = 8;

export class TreeBudget {
  readonly #root: Directory;
  readonly #bytesMax: number;
  /** Bytes added since the last count, on top of what that found; removals are not subtracted. */
  #bytes = 0;
  #recountAt: number;

  constructor(root: Directory, bytesMax: number = IMAGE_TREE_BYTES_MAX) {
    this.#root = root;
    this.#bytesMax = bytesMax;
    this.#recountAt = bytesMax;
  }

  /** Told of every inode that is made. Throws `ERR_CONVERTER_IMAGE_LIMIT`, naming `layer`. */
  add(inode: Inode, layer: string): void {
    this.#bytes += bytesOfInode(inode);
    if (this.#bytes <= this.#recountAt) return;
    this.#bytes = bytesOfTree(this.#root);
    if (this.#bytes > this.#bytesMax) {
      throw new ImageLimitError(
        `layer ${layer}: with it the image's files and attributes take more than ${this.#bytesMax} bytes of memory`,
        { remedy: 'no sound image is this large: check where it came from' },
      );
    }
    const step = this.#bytesMax / RECOUNT_SHARE;
    this.#recountAt = Math.max(this.#bytesMax, this.#bytes + step);
  }
}

function bytesOfInode({ chunks, target, xattrs }: Inode): number {
  let bytes = INODE_BYTES + target.length;
  if (typeof chunks === 'object') bytes += chunks.byteLength;
  for (const { name, value } of xattrs) bytes += 64 + name.length + value.length;
  return bytes;
}

function bytesOfTree(root: Directory): number {
  let bytes = 0;
  const seen = new Set<Inode>();
  const todo: Directory[] = [root];
  for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
    for (const { inode } of next.children.values()) {
      bytes += INODE_BYTES;
      if (isDirectory(inode)) todo.push(inode);
      else if (seen.has(inode)) continue;
      bytes += bytesOfInode(inode) - INODE_BYTES;
      if (inode.xattrs.length > 0 || typeof inode.chunks === 'object') seen.add(inode);
    }
  }
  return bytes;
}
