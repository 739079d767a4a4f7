/**
 * A converted image's root file system as one archive: every object in byte order of its path,
 * parents first, the first name of a hard link with the content, the others as links to it.
 */
import type { ByteString } from '@shoal/rafs';
import { bytesOf } from '@shoal/rafs';
import type { ConvertedImage } from '../image/converted-image.ts';
import { UnpackError } from '../image/errors.ts';
import { ARCHIVE_PATH_BYTES_MAX } from '../image/limits.ts';
import { printablePath } from '../image/printable-path.ts';
import type { ImageNode } from '../image/tree-view.ts';
import { EntryKind } from '../layer/layer-entry.ts';
import { decodeDevice } from '../layer/tar-layer.ts';
import { encodeTarEnd, encodeTarEntry } from '../tar/tar-encoder.ts';
import { TarEntryType } from '../tar/tar-entry.ts';
import { tarPadding } from '../tar/tar-header.ts';

const WHITEOUT_PREFIX = '.wh.';

const TYPES: ReadonlyMap<number, TarEntryType> = new Map([
  [EntryKind.regular, TarEntryType.regular],
  [EntryKind.directory, TarEntryType.directory],
  [EntryKind.symlink, TarEntryType.symlink],
  [EntryKind.character, TarEntryType.character],
  [EntryKind.block, TarEntryType.block],
  [EntryKind.fifo, TarEntryType.fifo],
]);

/** Something a layer cannot hold. */
export type LeftOut = { readonly path: string; readonly reason: string };

export type LayerArchiveOptions = {
  readonly signal: AbortSignal;
  readonly onLeftOut: (leftOut: LeftOut) => void;
};

type Place = { readonly path: ByteString; readonly nid: number };

/** The archive's bytes in order. Throws `ERR_CONVERTER_UNPACK` and what reading files throws. */
export async function* layerArchive(
  image: ConvertedImage,
  options: LayerArchiveOptions,
): AsyncGenerator<Buffer, void> {
  const firstNames = new Map<number, ByteString>();
  const todo: Place[] = [{ path: '' as ByteString, nid: image.tree.root }];
  for (let place = todo.pop(); place !== undefined; place = todo.pop()) {
    const node = image.tree.node(place.nid);
    const reason = whyLeftOut(place.path, node);
    if (reason !== undefined) {
      options.onLeftOut({ path: `/${printablePath(place.path)}`, reason });
      continue;
    }
    const first = firstNames.get(place.nid);
    yield header(place.path, node, first);
    if (first !== undefined) continue;
    if (node.kind !== EntryKind.directory && node.nlink > 1) {
      firstNames.set(place.nid, place.path);
    }
    if (node.kind === EntryKind.regular) yield* content(image, place.nid, options.signal);
    pushChildren(image, place, todo);
  }
  yield encodeTarEnd();
}

function pushChildren(image: ConvertedImage, { path, nid }: Place, todo: Place[]): void {
  const prefix = path === '' ? '' : `${path}/`;
  for (const { name, handle } of image.tree.children(nid).toReversed()) {
    todo.push({ path: `${prefix}${name}` as ByteString, nid: handle });
  }
}

function whyLeftOut(path: ByteString, node: ImageNode): string | undefined {
  if (node.kind === EntryKind.socket) return 'a layer cannot hold sockets';
  const name = path.slice(path.lastIndexOf('/') + 1);
  if (name.startsWith(WHITEOUT_PREFIX)) return 'in a layer this name means a deletion';
  return undefined;
}

function header(path: ByteString, node: ImageNode, first: ByteString | undefined): Buffer {
  const type = first === undefined ? TYPES.get(node.kind) : TarEntryType.hardlink;
  const name = node.kind === EntryKind.directory ? `${path || '.'}/` : path;
  if (type === undefined || name.length > ARCHIVE_PATH_BYTES_MAX) {
    throw new UnpackError(`/${printablePath(path)}: an archive cannot hold this path`);
  }
  const { major, minor } = decodeDevice(node.rdev);
  return encodeTarEntry({
    name: Buffer.from(name, 'latin1'),
    type,
    mode: node.mode,
    uid: node.uid,
    gid: node.gid,
    size: type === TarEntryType.regular ? node.size : 0,
    mtime: { seconds: node.seconds, nanoseconds: node.nanoseconds },
    linkName: bytesOf(first ?? node.target),
    deviceMajor: major,
    deviceMinor: minor,
    xattrs: node.xattrs.map(({ name: key, value }) => ({
      name: bytesOf(key),
      value: bytesOf(value),
    })),
  });
}

async function* content(
  image: ConvertedImage,
  nid: number,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void> {
  const inode = image.bootstrap.inode(nid);
  yield* image.readFile(inode, { signal });
  const padding = tarPadding(inode.size);
  if (padding > 0) yield Buffer.alloc(padding);
}
