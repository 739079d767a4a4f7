/**
 * A converted image's root file system as one archive: every object in byte order of its path,
 * parents first, the first name of a hard link with the content, the others as links to it.
 */
import type { BlobDescription } from '@shoal/blob-store';
import { tarPadding } from '@shoal/oci';
import type { ByteString } from '@shoal/rafs';
import { bytesOf, childPath, NO_BYTES } from '@shoal/rafs';
import { UnpackError } from '../errors.ts';
import type { ConvertedImage } from '../image/converted-image.ts';
import type { ChunkRef } from '../image/file-content.ts';
import { chunksOfFile } from '../image/file-content.ts';
import { printablePath } from '../image/printable-path.ts';
import type { ImageNode } from '../image/tree-view.ts';
import { EntryKind } from '../layer/layer-entry.ts';
import { decodeDevice } from '../layer/tar-layer.ts';
import { ARCHIVE_PATH_BYTES_MAX } from '../limits.ts';
import { encodeTarEnd, encodeTarEntry } from '../tar/tar-encoder.ts';
import { TarEntryType } from '../tar/tar-entry.ts';

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

type Member = Place & {
  readonly node: ImageNode;
  /** Under which name the object is in the archive already. */
  readonly first: ByteString | undefined;
};

/** The archive's bytes in order. Throws `ERR_CONVERTER_UNPACK` and what reading chunks throws. */
export async function* layerArchive(
  image: ConvertedImage,
  options: LayerArchiveOptions,
): AsyncGenerator<Buffer, void> {
  const blobs = await image.blobs(options.signal);
  const content = image.readChunks(contentChunks(image, blobs), options.signal);
  try {
    for (const { path, node, first } of members(image, options.onLeftOut)) {
      yield header(path, node, first);
      if (first !== undefined) continue;
      for (let left = node.size; left > 0; ) {
        const { value: bytes } = await content.next();
        if (bytes === undefined) throw new RangeError('fewer chunks than the files have');
        yield bytes;
        left -= bytes.length;
      }
      const padding = tarPadding(node.size);
      if (padding > 0) yield Buffer.alloc(padding);
    }
  } finally {
    await content.return();
  }
  yield encodeTarEnd();
}

/** What is in the archive, in its order. */
function* members(
  image: ConvertedImage,
  onLeftOut: (leftOut: LeftOut) => void,
): Generator<Member, void> {
  const firstNames = new Map<number, ByteString>();
  const todo: Place[] = [{ path: NO_BYTES, nid: image.tree.root }];
  for (let place = todo.pop(); place !== undefined; place = todo.pop()) {
    const node = image.tree.node(place.nid);
    const reason = whyLeftOut(place.path, node);
    if (reason !== undefined) {
      onLeftOut({ path: `/${printablePath(place.path)}`, reason });
      continue;
    }
    const first = firstNames.get(place.nid);
    yield { ...place, node, first };
    if (node.kind === EntryKind.directory) pushChildren(image, place, todo);
    else if (node.nlink > 1 && first === undefined) firstNames.set(place.nid, place.path);
  }
}

/** The chunks of all content in the archive's order; runs ahead of the members they belong to. */
function* contentChunks(
  image: ConvertedImage,
  blobs: readonly BlobDescription[],
): Generator<ChunkRef, void> {
  for (const { nid, node, first } of members(image, () => {})) {
    if (first !== undefined || node.size === 0) continue;
    yield* chunksOfFile(image.bootstrap, image.bootstrap.inode(nid), blobs);
  }
}

function pushChildren(image: ConvertedImage, { path, nid }: Place, todo: Place[]): void {
  for (const { name, handle } of image.tree.children(nid).toReversed()) {
    todo.push({ path: childPath(path, name), nid: handle });
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
