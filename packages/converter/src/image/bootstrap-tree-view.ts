/** A bootstrap as a tree: nothing is copied, each question decodes what it needs. */
import type { Bootstrap, ByteString, RafsInode } from '@shoal/rafs';
import { attributesOf, byteString, compareByteStrings, NO_BYTES } from '@shoal/rafs';
import { EntryKind } from '../layer/layer-entry.ts';
import type { Child, ImageNode, TreeView } from './tree-view.ts';

/** Handles are nids. */
export class BootstrapTreeView implements TreeView<number> {
  readonly bootstrap: Bootstrap;
  readonly root: number;

  constructor(bootstrap: Bootstrap) {
    this.bootstrap = bootstrap;
    this.root = bootstrap.rootNid;
  }

  node(nid: number): ImageNode {
    return this.nodeOf(this.bootstrap.inode(nid));
  }

  nodeOf(inode: RafsInode): ImageNode {
    const isSymlink = inode.kind === EntryKind.symlink;
    const xattrs = this.bootstrap
      .xattrs(inode)
      .map(({ name, value }) => ({ name, value: byteString(value) }))
      .sort((a, b) => compareByteStrings(a.name, b.name));
    return {
      ...attributesOf(inode),
      nlink: inode.nlink,
      size: inode.kind === EntryKind.regular ? inode.size : 0,
      target: isSymlink ? this.bootstrap.symlinkTarget(inode) : NO_BYTES,
      xattrs,
    };
  }

  children(nid: number): readonly Child<number>[] {
    const inode = this.bootstrap.inode(nid);
    if (inode.kind !== EntryKind.directory) return [];
    const children: Child<number>[] = [];
    for (const { name, nid: handle } of this.bootstrap.directory(inode)) {
      children.push({ name, handle });
    }
    return children.sort((a, b) => compareByteStrings(a.name, b.name));
  }

  child(nid: number, name: ByteString): number | undefined {
    const inode = this.bootstrap.inode(nid);
    if (inode.kind !== EntryKind.directory) return undefined;
    return this.bootstrap.lookup(inode, name)?.nid;
  }

  identity(nid: number): unknown {
    return nid;
  }
}
