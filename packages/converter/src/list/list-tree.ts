/** What `shoal ls` shows: objects of an image below a path, in byte order. */
import type { ByteString } from '@shoal/rafs';
import { childPath } from '@shoal/rafs';
import { resolveImagePath } from '../image/image-path.ts';
import type { ImageNode, TreeView } from '../image/tree-view.ts';
import { EntryKind } from '../layer/layer-entry.ts';

export type ListedEntry = {
  /** Path from the root of the image, without a leading slash; '' is the root. */
  readonly path: ByteString;
  readonly node: ImageNode;
};

export type ListOptions = {
  /** Path inside the image. @default '/' */
  readonly path?: string | undefined;
  /** Everything below directories too. @default false */
  readonly isRecursive?: boolean | undefined;
};

/**
 * The children of a directory (all below it when recursive), or the object itself when it is not
 * one. A symlink at the end of the path is shown, not followed. Throws `ERR_CONVERTER_IMAGE_PATH`.
 */
export function* listTree<Handle>(
  tree: TreeView<Handle>,
  options: ListOptions = {},
): Generator<ListedEntry, void> {
  const { path = '/' } = options;
  const isLastFollowed = path.endsWith('/');
  const found = resolveImagePath(tree, path, isLastFollowed);
  const node = tree.node(found.handle);
  if (node.kind !== EntryKind.directory) {
    yield { path: found.path, node };
    return;
  }
  yield* listDirectory(tree, found.handle, found.path, options.isRecursive === true);
}

/** Depth first, without recursion: depth is a stranger's choice. */
function* listDirectory<Handle>(
  tree: TreeView<Handle>,
  handle: Handle,
  path: ByteString,
  isRecursive: boolean,
): Generator<ListedEntry, void> {
  const todo: { path: ByteString; handle: Handle }[] = [];
  const push = (parent: Handle, parentPath: ByteString) => {
    for (const child of tree.children(parent).toReversed()) {
      todo.push({ path: childPath(parentPath, child.name), handle: child.handle });
    }
  };
  push(handle, path);
  for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
    const node = tree.node(next.handle);
    yield { path: next.path, node };
    if (isRecursive && node.kind === EntryKind.directory) push(next.handle, next.path);
  }
}
