/**
 * Any directory tree as one layer (`--source dir:PATH`): every object with its lstat attributes to
 * the nanosecond, its attributes and content, in byte order of names, each directory before its
 * children. Several names of one inode become hard links to the first name met. Sockets are kept.
 *
 * Objects are looked at a few ahead of the one being delivered, so that thousands of small files
 * do not wait for each other; order and result do not depend on it.
 */
import type { BigIntStats } from 'node:fs';
import { constants } from 'node:fs';
import { lstat, open, readdir, readlink } from 'node:fs/promises';
import { errorCode } from '@shoal/errors';
import type { ByteString } from '@shoal/rafs';
import {
  byteString,
  bytesOf,
  childPath,
  compareByteStrings,
  NO_BYTES,
  printableName,
} from '@shoal/rafs';
import type { ChunkCutter } from '../chunk/chunk-cutter.ts';
import { ImageLimitError, SourceTreeError } from '../errors.ts';
import { DIRECTORY_LOOKAHEAD, LAYER_ENTRIES_MAX, SMALL_FILE_BYTES_MAX } from '../limits.ts';
import type { EntryWriter } from './entry-codec.ts';
import type { FirstReads } from './first-reads.ts';
import { NO_XATTRS } from './image-tree.ts';
import type { LayerEntry, XattrEntry } from './layer-entry.ts';
import { EntryKind } from './layer-entry.ts';
import type { LayerCounts } from './tar-layer.ts';
import { encodeDevice } from './tar-layer.ts';

const READ_BYTES = 1 << 20;
const NANOSECONDS = 1_000_000_000n;

/** All extended attributes of a path, not following symlinks. */
export type ReadXattrs = (path: Buffer) => readonly { name: Buffer; value: Buffer }[];

export type DirectoryLayerComponents = {
  readonly entries: EntryWriter;
  readonly cutter: ChunkCutter;
  readonly firstReads: FirstReads;
  readonly readXattrs: ReadXattrs;
  /** Waits until the next bytes may be cut. */
  readonly whenReady: () => Promise<void>;
  readonly onBytes: (bytes: number) => void;
};

type Found = {
  /** Path below the root, '' for the root itself. */
  readonly path: ByteString;
  readonly stats: BigIntStats;
  readonly linkName: ByteString;
  readonly xattrs: readonly XattrEntry[];
  /** Whole content of a small file, read ahead. */
  readonly content: Buffer | undefined;
};

/** Walks the tree and delivers it as a layer. Throws `SourceTreeError` when it cannot be read. */
export async function readDirectoryLayer(
  root: Buffer,
  components: DirectoryLayerComponents,
  signal: AbortSignal,
): Promise<LayerCounts> {
  try {
    return await deliverTree(root, components, signal);
  } catch (error) {
    const code = errorCode(error);
    if (code === undefined || !/^E[A-Z0-9]+$/.test(code)) throw error;
    const detail = error instanceof Error ? error.message : code;
    const remedy = REMEDIES[code];
    throw new SourceTreeError(printableName(root), detail, {
      cause: error,
      ...(remedy === undefined ? {} : { remedy }),
    });
  }
}

/** For what is no change of the tree meanwhile. */
const REMEDIES: Readonly<Record<string, string>> = {
  EACCES: 'run it as a user who may read everything in the directory, or as root',
  EPERM: 'run it as a user who may read everything in the directory, or as root',
  EIO: 'check the disk',
  EMFILE: 'raise the limit of open files (ulimit -n)',
};

async function deliverTree(
  root: Buffer,
  components: DirectoryLayerComponents,
  signal: AbortSignal,
): Promise<LayerCounts> {
  const counts: LayerCounts = { entries: 0, fileBytes: 0 };
  const names = new Map<string, ByteString>();
  for await (const found of walk(root, components.readXattrs)) {
    signal.throwIfAborted();
    counts.entries += 1;
    if (counts.entries > LAYER_ENTRIES_MAX) {
      throw new ImageLimitError(`the tree has more than ${LAYER_ENTRIES_MAX} entries`);
    }
    const kind = kindOf(found.stats);
    const key = `${found.stats.dev}:${found.stats.ino}`;
    const isLinked = found.stats.nlink > 1n && kind !== EntryKind.directory;
    const firstName = isLinked ? names.get(key) : undefined;
    if (firstName !== undefined) {
      components.entries.push(entryOf(found, EntryKind.hardlink, firstName, []));
      continue;
    }
    if (isLinked) names.set(key, found.path);
    if (kind === EntryKind.regular) {
      await cutFile(root, found, components, signal);
      counts.fileBytes += Number(found.stats.size);
    }
    const chunks = kind === EntryKind.regular ? components.cutter.closeFile() : [];
    components.entries.push(entryOf(found, kind, found.linkName, chunks));
  }
  return counts;
}

function noDirectory(root: Buffer, detail: string): SourceTreeError {
  return new SourceTreeError(printableName(root), detail, {
    remedy: 'name a directory, as in dir:/srv/tree',
  });
}

async function* walk(root: Buffer, readXattrs: ReadXattrs): AsyncGenerator<Found, void> {
  const top = await look(root, NO_BYTES, readXattrs).catch((error: unknown) => {
    if (errorCode(error) !== 'ENOENT') throw error;
    throw noDirectory(root, 'it does not exist');
  });
  if (!top.stats.isDirectory()) throw noDirectory(root, 'not a directory');
  yield top;
  const pending: ByteString[] = [NO_BYTES];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    const names = (await readdir(join(root, path), { encoding: 'buffer' })).map(byteString);
    names.sort(compareByteStrings);
    const parent = path;
    const children = names.map((name) => childPath(parent, name));
    const directories: ByteString[] = [];
    const ahead: Promise<Found>[] = [];
    for (let next = 0; next < children.length || ahead.length > 0; ) {
      while (next < children.length && ahead.length < DIRECTORY_LOOKAHEAD) {
        const looking = look(root, children[next++] ?? NO_BYTES, readXattrs);
        looking.catch(() => {});
        ahead.push(looking);
      }
      const found = await ahead.shift();
      if (found === undefined) break;
      if (found.stats.isDirectory()) directories.push(found.path);
      yield found;
    }
    pending.push(...directories.reverse());
  }
}

async function look(root: Buffer, path: ByteString, readXattrs: ReadXattrs): Promise<Found> {
  const full = join(root, path);
  const stats = await lstat(full, { bigint: true });
  const linkName = stats.isSymbolicLink()
    ? byteString(await readlink(full, { encoding: 'buffer' }))
    : NO_BYTES;
  const xattrs = readXattrs(full).map(({ name, value }) => ({
    name: byteString(name),
    value: byteString(value),
  }));
  const isSmall = stats.isFile() && stats.size <= SMALL_FILE_BYTES_MAX;
  const content =
    isSmall && stats.size > 0n ? await readSmall(full, Number(stats.size)) : undefined;
  return { path, stats, linkName, xattrs: xattrs.length === 0 ? NO_XATTRS : xattrs, content };
}

async function readSmall(path: Buffer, size: number): Promise<Buffer> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const buffer = Buffer.allocUnsafeSlow(size);
    const { bytesRead } = await file.read(buffer, 0, size, 0);
    if (bytesRead !== size) throw new SourceTreeError(printableName(path), 'changed while read');
    return buffer;
  } finally {
    await file.close();
  }
}

async function cutFile(
  root: Buffer,
  found: Found,
  { cutter, firstReads, whenReady, onBytes }: DirectoryLayerComponents,
  signal: AbortSignal,
): Promise<void> {
  const size = Number(found.stats.size);
  cutter.openFile(size, firstReads.ranksOf(found.path));
  onBytes(size);
  if (size === 0) return;
  if (found.content !== undefined) {
    await whenReady();
    cutter.write(found.content);
    return;
  }
  const path = join(root, found.path);
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
    for (let at = 0; at < size; ) {
      signal.throwIfAborted();
      await whenReady();
      const { bytesRead } = await file.read(buffer, 0, Math.min(READ_BYTES, size - at), at);
      if (bytesRead === 0)
        throw new SourceTreeError(printableName(path), 'became shorter while read');
      cutter.write(buffer.subarray(0, bytesRead));
      at += bytesRead;
    }
  } finally {
    await file.close();
  }
}

function join(root: Buffer, path: ByteString): Buffer {
  return path === '' ? root : Buffer.concat([root, Buffer.from('/'), bytesOf(path)]);
}

function kindOf(stats: BigIntStats): EntryKind {
  if (stats.isFile()) return EntryKind.regular;
  if (stats.isDirectory()) return EntryKind.directory;
  if (stats.isSymbolicLink()) return EntryKind.symlink;
  if (stats.isCharacterDevice()) return EntryKind.character;
  if (stats.isBlockDevice()) return EntryKind.block;
  return stats.isFIFO() ? EntryKind.fifo : EntryKind.socket;
}

function entryOf(
  found: Found,
  kind: EntryKind,
  linkName: ByteString,
  chunks: readonly number[],
): LayerEntry {
  const { stats } = found;
  const nanoseconds = ((stats.mtimeNs % NANOSECONDS) + NANOSECONDS) % NANOSECONDS;
  const isDevice = kind === EntryKind.character || kind === EntryKind.block;
  // Userspace dev_t (glibc makedev) keeps 12 + 20 bits where new_encode_dev expects them.
  const major = Number((stats.rdev >> 8n) & 0xfffn);
  const minor = Number((stats.rdev & 0xffn) | ((stats.rdev >> 12n) & 0xfff00n));
  return {
    path: found.path,
    kind,
    mode: Number(stats.mode & 0o7777n),
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    seconds: Number((stats.mtimeNs - nanoseconds) / NANOSECONDS),
    nanoseconds: Number(nanoseconds),
    rdev: isDevice ? encodeDevice(major, minor) : 0,
    linkName,
    xattrs: kind === EntryKind.hardlink ? NO_XATTRS : found.xattrs,
    size: kind === EntryKind.regular ? Number(stats.size) : 0,
    chunks,
  };
}
