/** The names of inodes that are known by number only, e.g. in the prefetch table. */
import { childPath, NO_BYTES } from '@shoal/rafs';
import type { BootstrapTreeView } from '../image/bootstrap-tree-view.ts';
import { printablePath } from '../image/printable-path.ts';
import { EntryKind } from '../layer/layer-entry.ts';

/** The first path of each nid, in the order given; `#nid` for one that has no name. */
export function pathsOfNids(view: BootstrapTreeView, nids: readonly number[]): string[] {
  const wanted = new Set(nids);
  const found = new Map<number, string>();
  const todo = [{ nid: view.root, path: NO_BYTES }];
  for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
    if (found.size === wanted.size) break;
    const { nid, path } = next;
    if (wanted.has(nid) && !found.has(nid)) found.set(nid, `/${printablePath(path)}`);
    if (view.bootstrap.inode(nid).kind !== EntryKind.directory) continue;
    for (const { name, handle } of view.children(nid).toReversed()) {
      todo.push({ nid: handle, path: childPath(path, name) });
    }
  }
  return nids.map((nid) => found.get(nid) ?? `#${nid}`);
}
