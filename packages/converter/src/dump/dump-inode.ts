/** One inode as `shoal dump` shows it: its fields, and what its kind has besides. */
import type { RafsInode } from '@shoal/rafs';
import { byteString, printableName } from '@shoal/rafs';
import { ImagePathError } from '../errors.ts';
import type { BootstrapTreeView } from '../image/bootstrap-tree-view.ts';
import { resolveImagePath } from '../image/image-path.ts';
import { pathsOfNids } from '../inspect/paths-of-nids.ts';
import { EntryKind } from '../layer/layer-entry.ts';
import { entryFacts, kindName } from '../list/format-entry.ts';

/** The path comes from the search by nid. */
const ROOT = byteString(Buffer.alloc(0));

type Facts = Record<string, unknown>;

/**
 * Dumps the inode a selector names: a path inside the image (a symlink at its end is not
 * followed), or `#` and a nid that some name of the image leads to.
 * Throws `ERR_CONVERTER_IMAGE_PATH`.
 */
export function dumpInode(view: BootstrapTreeView, selector: string): Facts {
  const nid = nidOf(view, selector);
  const { bootstrap } = view;
  const inode = bootstrap.inode(nid);
  const { path: _, ...facts } = entryFacts({ path: ROOT, node: view.nodeOf(inode) });
  return {
    nid,
    ino: inode.ino,
    offset: inode.offset,
    path: pathsOfNids(view, [nid])[0],
    format: inode.isExtended ? 'extended' : 'compact',
    layout: inode.layout,
    union: inode.union,
    xattrBytes: inode.xattrBytes,
    ...facts,
    ...contentFacts(view, inode),
  };
}

function nidOf(view: BootstrapTreeView, selector: string): number {
  if (!selector.startsWith('#')) return resolveImagePath(view, selector, false).handle;
  const text = selector.slice(1);
  const nid = /^[1-9][0-9]{0,9}$/.test(text) ? Number(text) : 0;
  const shown = printableName(Buffer.from(selector));
  if (nid === 0) {
    throw new ImagePathError(shown, 'is not an inode number', {
      remedy: "write '#' and a whole number above 0, in quotes",
    });
  }
  const [path] = pathsOfNids(view, [nid]);
  if (path?.startsWith('/') !== true) {
    throw new ImagePathError(shown, 'is not an inode of the image');
  }
  return nid;
}

function contentFacts({ bootstrap }: BootstrapTreeView, inode: RafsInode): Facts {
  if (inode.kind === EntryKind.regular) {
    const chunks = bootstrap.chunkEntries(inode).map((entry, index) => {
      const record = bootstrap.chunkRecord(entry.blobIndex, entry.chunkIndex);
      return { fileOffset: index * bootstrap.chunkSize, ...entry, ...recordFacts(record) };
    });
    return { chunks };
  }
  if (inode.kind !== EntryKind.directory) return {};
  const entries = Array.from(bootstrap.directoryWithDots(inode), ({ name, nid }) => ({
    name: printableName(name),
    nid,
    type: kindName(bootstrap.inode(nid).kind),
  }));
  return { entries };
}

function recordFacts(record: ReturnType<BootstrapTreeView['bootstrap']['chunkRecord']>): Facts {
  if (record === undefined) return {};
  return { ...record, digest: record.digest.toString('hex') };
}
