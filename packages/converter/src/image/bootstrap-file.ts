/**
 * A bootstrap as a file on disk. The path comes from a user: devices, fifos, directories and
 * files of any size must neither hang nor fill the memory.
 */
import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { open, stat } from 'node:fs/promises';
import { errorCode, ShoalError } from '@shoal/errors';
import type { Bootstrap, BootstrapSummary } from '@shoal/rafs';
import {
  BOOTSTRAP_BYTES_MAX,
  detectBootstrapFormat,
  openBootstrap,
  printableName,
  verifyBootstrap,
} from '@shoal/rafs';
import { ImageFileError } from '../errors.ts';
import { BootstrapTreeView } from './bootstrap-tree-view.ts';
import { namedFailure } from './named-failure.ts';

/** Superblock and extended superblock: enough to recognise a bootstrap. */
const HEAD_BYTES = 4096;

export type BootstrapFile = {
  readonly path: string;
  readonly sizeBytes: number;
  readonly bootstrap: Bootstrap;
  readonly summary: BootstrapSummary;
  readonly tree: BootstrapTreeView;
};

/**
 * True when the text names something on disk rather than an image in a registry: a path, what is
 * there, and any `NAME.boot`, which a registry would be asked for in vain.
 */
export async function isImageFile(text: string): Promise<boolean> {
  if (/^(?:\/|\.\.?\/)|^[^/:@]+\.boot$/.test(text)) return true;
  try {
    await stat(text);
    return true;
  } catch {
    return false;
  }
}

/** Opens and verifies. Throws `ERR_CONVERTER_IMAGE_FILE` and what the bootstrap is wrong with. */
export async function openBootstrapFile(path: string): Promise<BootstrapFile> {
  try {
    const bytes = await readBootstrapBytes(path);
    const bootstrap = openBootstrap(bytes);
    const summary = verifyBootstrap(bootstrap);
    const tree = new BootstrapTreeView(bootstrap);
    return { path, sizeBytes: bytes.length, bootstrap, summary, tree };
  } catch (error) {
    throw failureOf(error, printableName(Buffer.from(path)));
  }
}

/** Reading may fail too, e.g. of files in /proc. */
function failureOf(error: unknown, shown: string): unknown {
  if (error instanceof ShoalError) return namedFailure(error, shown);
  const code = errorCode(error) ?? 'unknown';
  return new ImageFileError(shown, `cannot be read (${code})`, { cause: error });
}

async function readBootstrapBytes(path: string): Promise<Buffer> {
  const shown = printableName(Buffer.from(path));
  const file = await openFile(path, shown);
  try {
    const stats = await file.stat();
    if (stats.isDirectory()) {
      throw new ImageFileError(shown, 'is a directory', {
        remedy: 'write oci:DIR for an OCI layout, or give a bootstrap file',
      });
    }
    if (!stats.isFile()) throw new ImageFileError(shown, 'is not a regular file');
    await checkHead(file, stats.size, shown);
    return await readWhole(file, stats.size, shown);
  } finally {
    await file.close();
  }
}

/** Non-blocking, so that a fifo without a writer does not hold us. */
async function openFile(path: string, shown: string): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (error) {
    const code = errorCode(error) ?? '';
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw new ImageFileError(shown, 'does not exist', { cause: error });
    }
    if (code === 'EACCES' || code === 'EPERM') {
      throw new ImageFileError(shown, 'may not be read', {
        cause: error,
        remedy: 'check its permissions, or run as root',
      });
    }
    throw new ImageFileError(shown, `cannot be opened (${code})`, { cause: error });
  }
}

/** Recognises foreign files before they are read whole. */
async function checkHead(file: FileHandle, size: number, shown: string): Promise<void> {
  if (size > BOOTSTRAP_BYTES_MAX) {
    throw new ImageFileError(shown, `has ${size} bytes, more than any bootstrap`);
  }
  const head = Buffer.alloc(HEAD_BYTES);
  const { bytesRead } = await file.read(head, 0, HEAD_BYTES, 0);
  const start = head.subarray(0, bytesRead);
  const kind = foreignKind(start);
  if (kind !== undefined) throw new ImageFileError(shown, `is ${kind}, not a bootstrap`);
  const format = detectBootstrapFormat(start);
  if (format === 'unknown') throw new ImageFileError(shown, 'is not a RAFS v6 bootstrap');
  // Says which other format it is.
  if (format !== 'rafs-v6') openBootstrap(start);
}

function foreignKind(head: Buffer): string | undefined {
  const starts = (hex: string, at = 0) => head.toString('hex', at, at + hex.length / 2) === hex;
  if (starts('1f8b')) return 'a gzip file';
  if (starts('28b52ffd')) return 'a zstd file';
  if (starts(Buffer.from('ustar').toString('hex'), 257)) return 'a tar archive';
  if (starts(Buffer.from('{').toString('hex'))) return 'a JSON document';
  return undefined;
}

async function readWhole(file: FileHandle, size: number, shown: string): Promise<Buffer> {
  const bytes = Buffer.alloc(size);
  let at = 0;
  while (at < size) {
    const { bytesRead } = await file.read(bytes, at, Math.min(size - at, 1 << 24), at);
    if (bytesRead === 0) throw new ImageFileError(shown, 'shrank while it was read');
    at += bytesRead;
  }
  return bytes;
}
