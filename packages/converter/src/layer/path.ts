/**
 * Lexical cleaning and symlink-aware resolution of archive paths inside the tree, as umoci does it
 * (CleanPath, then filepath-securejoin): `..` never leaves the root, absolute paths start at the
 * root, symlinked parents are followed inside the root, missing components count as directories.
 */
import type { ByteString } from '@shoal/rafs';
import { splitPath } from '@shoal/rafs';
import { SYMLINKS_FOLLOWED_MAX } from '../limits.ts';
import type { Directory, Dirent } from './image-tree.ts';
import { isDirectory } from './image-tree.ts';

/** Components of a path without '', '.', and with '..' applied and clamped at the root. */
export function cleanComponents(path: ByteString): ByteString[] {
  const parts: ByteString[] = [];
  for (const part of splitPath(path)) {
    if (part === '' || part === '.') continue;
    if (part === '..') parts.pop();
    else parts.push(part);
  }
  return parts;
}

export type ResolvedParent = {
  /** Existing directory entries on the way, root excluded, outermost first. */
  readonly chain: readonly Dirent[];
  /** The deepest directory that exists. */
  readonly directory: Directory;
  /** Components below it that do not exist. */
  readonly missing: readonly ByteString[];
  /** True when a component on the way is not a directory: nothing can be created there. */
  readonly isBlocked: boolean;
};

type Step = { readonly name: ByteString; readonly dirent: Dirent | undefined };

/** Resolves the directory part of an entry; undefined when symlinks do not end. */
export function resolveParent(
  root: Directory,
  components: readonly ByteString[],
): ResolvedParent | undefined {
  const todo = components.toReversed();
  const steps: Step[] = [];
  let followed = 0;
  for (let part = todo.pop(); part !== undefined; part = todo.pop()) {
    if (part === '' || part === '.') continue;
    if (part === '..') {
      steps.pop();
      continue;
    }
    const dirent = childOf(root, steps, part);
    if (dirent === undefined || dirent.inode.target === '') {
      steps.push({ name: part, dirent });
      continue;
    }
    followed += 1;
    if (followed > SYMLINKS_FOLLOWED_MAX) return undefined;
    if (dirent.inode.target.startsWith('/')) steps.length = 0;
    todo.push(...splitPath(dirent.inode.target).reverse());
  }
  return parentOfSteps(root, steps);
}

function childOf(root: Directory, steps: readonly Step[], name: ByteString): Dirent | undefined {
  const last = steps.at(-1);
  if (last === undefined) return root.children.get(name);
  return last.dirent?.inode.children?.get(name);
}

function parentOfSteps(root: Directory, steps: readonly Step[]): ResolvedParent {
  const chain: Dirent[] = [];
  let directory = root;
  for (const [index, { dirent }] of steps.entries()) {
    if (dirent === undefined || !isDirectory(dirent.inode)) {
      const missing = steps.slice(index).map(({ name }) => name);
      return { chain, directory, missing, isBlocked: dirent !== undefined };
    }
    chain.push(dirent);
    directory = dirent.inode;
  }
  return { chain, directory, missing: [], isBlocked: false };
}
