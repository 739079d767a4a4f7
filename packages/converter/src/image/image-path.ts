/**
 * Paths inside an image: resolved as a process whose root is the image would, so that a symlink
 * never leads outside and `..` stops at the root.
 */
import type { ByteString } from '@shoal/rafs';
import { byteStringFromText, joinPath, printableName, splitPath } from '@shoal/rafs';
import { ImagePathError } from '../errors.ts';
import { EntryKind } from '../layer/layer-entry.ts';
import { PATH_SYMLINKS_MAX } from '../limits.ts';
import type { TreeView } from './tree-view.ts';

export type ResolvedPath<Handle> = {
  readonly handle: Handle;
  /** The path without symlinks, `.` and `..`; '' is the root. */
  readonly path: ByteString;
};

type Step<Handle> = { readonly name: ByteString; readonly handle: Handle };

/**
 * Finds the object a path names. `isLastFollowed`: whether a symlink at the end is followed.
 * Throws `ERR_CONVERTER_IMAGE_PATH`.
 */
export function resolveImagePath<Handle>(
  tree: TreeView<Handle>,
  text: string,
  isLastFollowed: boolean,
): ResolvedPath<Handle> {
  const path = byteStringFromText(text);
  const shown = printableName(path);
  const todo = splitPath(path).toReversed();
  const steps: Step<Handle>[] = [];
  let followed = 0;
  for (let part = todo.pop(); part !== undefined; part = todo.pop()) {
    if (part === '' || part === '.') continue;
    if (part === '..') {
      steps.pop();
      continue;
    }
    const step = childNamed(tree, steps, part, { shown, followed });
    const node = tree.node(step.handle);
    const isLast = todo.every((rest) => rest === '' || rest === '.');
    if (node.kind !== EntryKind.symlink || (isLast && !isLastFollowed)) {
      steps.push(step);
      continue;
    }
    followed += 1;
    if (followed > PATH_SYMLINKS_MAX) {
      throw new ImagePathError(shown, `passes more than ${PATH_SYMLINKS_MAX} symlinks`);
    }
    if (node.target.startsWith('/')) steps.length = 0;
    todo.push(...splitPath(node.target).toReversed());
  }
  const last = steps.at(-1);
  return {
    handle: last === undefined ? tree.root : last.handle,
    path: joinPath(steps.map(({ name }) => name)),
  };
}

function childNamed<Handle>(
  tree: TreeView<Handle>,
  steps: readonly Step<Handle>[],
  name: ByteString,
  { shown, followed }: { readonly shown: string; readonly followed: number },
): Step<Handle> {
  const parent = steps.at(-1)?.handle ?? tree.root;
  if (tree.node(parent).kind !== EntryKind.directory) {
    const where = printableName(joinPath(steps.map((step) => step.name)));
    throw new ImagePathError(shown, `is not in the image: /${where} is not a directory`);
  }
  const child = tree.child(parent, name);
  if (child === undefined) {
    if (followed === 0) throw new ImagePathError(shown, 'is not in the image');
    const where = printableName(joinPath([...steps.map((step) => step.name), name]));
    throw new ImagePathError(shown, `is a symlink to /${where}, which is not in the image`);
  }
  return { name, handle: child };
}
