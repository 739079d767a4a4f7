/**
 * Replays one layer onto the tree below it. The reference is umoci unpacking as root, entry by
 * entry in archive order; where umoci's own result depends on the clock this is deterministic:
 * a parent directory nobody described has mode 0755, root as owner (a setgid parent hands its
 * group down), and the epoch as its time, and creating it leaves its own parent's time alone.
 */
import type { ByteString } from '@shoal/rafs';
import { joinPath, NAME_BYTES_MAX, NO_BYTES, printableName, sliceByteString } from '@shoal/rafs';
import { LayerEntryError } from '../errors.ts';
import { SYMLINK_TARGET_BYTES_MAX, TREE_DEPTH_MAX } from '../limits.ts';
import type { Directory, Dirent, Inode } from './image-tree.ts';
import { implicitDirectory, isDirectory } from './image-tree.ts';
import type { LayerEntry } from './layer-entry.ts';
import { EntryKind } from './layer-entry.ts';
import type { ResolvedParent } from './path.ts';
import { cleanComponents, resolveParent } from './path.ts';
import type { TreeBudget } from './tree-budget.ts';
import { keepableXattrs } from './xattr-policy.ts';

const WHITEOUT_PREFIX = '.wh.';
const OPAQUE = '.wh..wh..opq';
const SETGID = 0o2000;
const SYMLINK_MODE = 0o777;

export type ApplyContext = {
  /** Digest or name of the layer, for messages. */
  readonly layer: string;
  /** Number of the layer: higher is upper. At least 1. */
  readonly number: number;
  /** True for trees that are not archives: names that look like whiteouts are ordinary names. */
  readonly isLiteral?: boolean;
  /** Image-wide number of a unit-local chunk. */
  readonly chunkOf: (local: number) => number;
  /** Told once per thing that was left out or changed, e.g. an attribute no image can hold. */
  readonly onWarning: (message: string) => void;
  /** Shared by all layers of an image. */
  readonly budget: TreeBudget;
};

export class LayerApplier {
  readonly #root: Directory;
  readonly #context: ApplyContext;
  /** Last resolved parent: archives list a directory's children together. */
  #cachedPath: ByteString | undefined;
  #cachedParent: ResolvedParent | undefined;

  constructor(root: Directory, context: ApplyContext) {
    this.#root = root;
    this.#context = context;
  }

  /** Applies the next entry of the layer. Throws `LayerEntryError` where umoci would fail too. */
  apply(entry: LayerEntry): void {
    const components = cleanComponents(entry.path);
    const name = components.pop();
    if (name === undefined) {
      this.#applyRoot(entry);
      return;
    }
    const parent = this.#parent(components, entry);
    if (name.startsWith(WHITEOUT_PREFIX) && this.#context.isLiteral !== true) {
      this.#whiteout(parent, name, entry);
      return;
    }
    if (parent.isBlocked) throw this.#error(entry, 'its parent is not a directory');
    if (name.length > NAME_BYTES_MAX) throw this.#error(entry, `name of ${name.length} bytes`);
    const { directory, chain } = this.#makeParents(parent);
    const existing = directory.children.get(name);
    if (entry.kind === EntryKind.directory && isDirectory(existing?.inode)) {
      setAttributes(existing.inode, entry, this.#xattrs(entry));
      existing.touchedBy = this.#context.number;
    } else {
      if (existing !== undefined) this.#remove(directory, name, existing);
      const inode = this.#create(entry);
      directory.children.set(name, { inode, touchedBy: this.#context.number });
      this.#context.budget.add(inode, this.#context.layer);
    }
    this.#touch(chain);
  }

  #applyRoot(entry: LayerEntry): void {
    if (entry.kind !== EntryKind.directory) {
      throw this.#error(entry, 'the root of the image cannot be anything but a directory');
    }
    setAttributes(this.#root, entry, this.#xattrs(entry));
  }

  #parent(components: readonly ByteString[], entry: LayerEntry): ResolvedParent {
    const path = joinPath(components);
    if (this.#cachedParent !== undefined && this.#cachedPath === path) return this.#cachedParent;
    const parent = resolveParent(this.#root, components);
    if (parent === undefined) throw this.#error(entry, 'too many symlinks in its path');
    if (parent.chain.length + parent.missing.length > TREE_DEPTH_MAX) {
      throw this.#error(entry, `deeper than ${TREE_DEPTH_MAX} directories`);
    }
    this.#cachedPath = path;
    this.#cachedParent = parent.missing.length === 0 ? parent : undefined;
    return parent;
  }

  #makeParents(parent: ResolvedParent): { directory: Directory; chain: readonly Dirent[] } {
    if (parent.missing.length === 0) return parent;
    const chain = [...parent.chain];
    let directory = parent.directory;
    for (const name of parent.missing) {
      const child = implicitDirectory();
      if ((directory.mode & SETGID) !== 0) {
        child.gid = directory.gid;
        child.mode |= SETGID;
      }
      const dirent = { inode: child, touchedBy: this.#context.number };
      directory.children.set(name, dirent);
      this.#context.budget.add(child, this.#context.layer);
      chain.push(dirent);
      directory = child;
    }
    return { directory, chain };
  }

  /** Marks the parents as touched; stops at the first that is, since its own parents are then too. */
  #touch(chain: readonly Dirent[]): void {
    for (let index = chain.length - 1; index >= 0; index--) {
      const dirent = chain[index];
      if (dirent === undefined || dirent.touchedBy === this.#context.number) return;
      dirent.touchedBy = this.#context.number;
    }
  }

  #remove(directory: Directory, name: ByteString, dirent: Dirent): void {
    directory.children.delete(name);
    const { kind } = dirent.inode;
    if (kind === EntryKind.directory || kind === EntryKind.symlink) this.#cachedParent = undefined;
  }

  #create(entry: LayerEntry): Inode {
    if (entry.kind === EntryKind.hardlink) return this.#linkTarget(entry);
    const isSymlink = entry.kind === EntryKind.symlink;
    if (isSymlink && entry.linkName === '') throw this.#error(entry, 'symlink without a target');
    if (isSymlink && entry.linkName.length > SYMLINK_TARGET_BYTES_MAX) {
      throw this.#error(entry, `symlink target of ${entry.linkName.length} bytes`);
    }
    const { mode, xattrs } = this.#xattrs(entry);
    return {
      kind: entry.kind,
      mode: isSymlink ? SYMLINK_MODE : mode,
      uid: entry.uid,
      gid: entry.gid,
      seconds: entry.seconds,
      nanoseconds: entry.nanoseconds,
      rdev: entry.rdev,
      xattrs,
      size: isSymlink ? entry.linkName.length : entry.size,
      chunks: this.#chunksOf(entry),
      target: isSymlink ? entry.linkName : NO_BYTES,
      children: entry.kind === EntryKind.directory ? new Map() : undefined,
    };
  }

  #chunksOf(entry: LayerEntry): number | Uint32Array | undefined {
    const [first] = entry.chunks;
    if (first === undefined) return undefined;
    if (entry.chunks.length === 1) return this.#context.chunkOf(first);
    return Uint32Array.from(entry.chunks, (local) => this.#context.chunkOf(local));
  }

  /** Resolved after the link's own name was removed: a link to itself finds nothing. */
  #linkTarget(entry: LayerEntry): Inode {
    const components = cleanComponents(entry.linkName);
    const name = components.pop();
    const parent = resolveParent(this.#root, components);
    const isFound = name !== undefined && parent !== undefined && parent.missing.length === 0;
    const inode = isFound ? parent.directory.children.get(name)?.inode : undefined;
    const target = printableName(entry.linkName);
    if (inode === undefined) throw this.#error(entry, `hard link to ${target}, which is not there`);
    if (isDirectory(inode)) throw this.#error(entry, `hard link to ${target}, a directory`);
    return inode;
  }

  #whiteout(parent: ResolvedParent, name: ByteString, entry: LayerEntry): void {
    if (parent.missing.length > 0) return;
    if (name === OPAQUE) {
      this.#removeUntouched(parent.directory);
      return;
    }
    const victim = sliceByteString(name, WHITEOUT_PREFIX.length);
    if (victim === '' || victim === '.' || victim === '..') {
      throw this.#error(entry, 'whiteout of a directory from inside it');
    }
    const dirent = parent.directory.children.get(victim);
    if (dirent === undefined) return;
    if (dirent.touchedBy !== this.#context.number) this.#remove(parent.directory, victim, dirent);
    else if (isDirectory(dirent.inode)) this.#removeUntouched(dirent.inode);
  }

  /** Removes everything below that this layer has not touched. */
  #removeUntouched(directory: Directory): void {
    const todo: Directory[] = [directory];
    for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
      for (const [name, dirent] of next.children) {
        if (dirent.touchedBy !== this.#context.number) this.#remove(next, name, dirent);
        else if (isDirectory(dirent.inode)) todo.push(dirent.inode);
      }
    }
  }

  #xattrs(entry: LayerEntry) {
    return keepableXattrs(entry, this.#context.onWarning);
  }

  #error(entry: LayerEntry, detail: string): LayerEntryError {
    return new LayerEntryError(this.#context.layer, printableName(entry.path), detail);
  }
}

function setAttributes(
  inode: Inode,
  entry: LayerEntry,
  kept: ReturnType<typeof keepableXattrs>,
): void {
  inode.mode = kept.mode;
  inode.uid = entry.uid;
  inode.gid = entry.gid;
  inode.seconds = entry.seconds;
  inode.nanoseconds = entry.nanoseconds;
  inode.xattrs = kept.xattrs;
}
