/**
 * Prefetch patterns: what of the image is fetched first after a mount. As in Nydus a pattern is an exact
 * absolute path, and a directory stands for everything below it. A part of a file is its path, a tab,
 * the offset, a tab and the length in bytes.
 */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { errorCode } from '@shoal/errors';
import { byteStringFromText } from '@shoal/rafs';
import { OptionFileError } from '../errors.ts';
import type { PrefetchPattern } from '../layer/first-reads.ts';
import type { Directory, Inode } from '../layer/image-tree.ts';
import { cleanComponents } from '../layer/path.ts';
import { PREFETCH_FILE_BYTES_MAX } from '../limits.ts';

const OPTION = '--prefetch-patterns';
const REMEDY = 'give a text file with one absolute path of the image per line';
const PART = /^(.*)\t(\d{1,15})\t(\d{1,15})$/s;

/** The patterns of a file, one per line; empty lines and lines starting with `#` are left out. */
export async function readPrefetchFile(path: string): Promise<readonly PrefetchPattern[]> {
  const bytes = await readBounded(path);
  const text = bytes.toString('utf8');
  if (!Buffer.from(text, 'utf8').equals(bytes)) {
    throw new OptionFileError(OPTION, path, 'is not UTF-8 text', REMEDY);
  }
  return text
    .split('\n')
    .map((line) => line.replace(/\r$/, ''))
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map(parsePattern);
}

function parsePattern(line: string): PrefetchPattern {
  const [, path, offset, length] = PART.exec(line) ?? [];
  if (path === undefined) return { path: line, part: undefined };
  return { path, part: { offset: Number(offset), length: Number(length) } };
}

/** Only regular files, since reading a pipe or a device could wait or go on for ever. */
async function readBounded(path: string): Promise<Buffer> {
  try {
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stats = await file.stat();
    if (!stats.isFile()) throw new OptionFileError(OPTION, path, 'is not a regular file', REMEDY);
    if (stats.size > PREFETCH_FILE_BYTES_MAX) {
      const detail = `${stats.size} bytes; at most ${PREFETCH_FILE_BYTES_MAX} are read`;
      throw new OptionFileError(OPTION, path, detail, REMEDY);
    }
    const buffer = Buffer.alloc(stats.size);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
    return buffer.subarray(0, bytesRead);
  } catch (error) {
    const code = errorCode(error);
    if (code === undefined || code.startsWith('ERR_CONVERTER')) throw error;
    throw new OptionFileError(OPTION, path, `cannot be read (${code})`, REMEDY);
  }
}

/** The objects the patterns name as a whole; a pattern that names nothing is told and left out. */
export function findPrefetched(
  root: Directory,
  patterns: readonly PrefetchPattern[],
  onWarning: (message: string) => void,
): Inode[] {
  const found = new Set<Inode>();
  for (const { path, part } of patterns) {
    const inode = lookUp(root, path);
    if (inode === undefined) onWarning(`prefetch pattern ${JSON.stringify(path)} names nothing`);
    else if (part === undefined) found.add(inode);
  }
  return [...found];
}

function lookUp(root: Directory, path: string): Inode | undefined {
  let inode: Inode | undefined = root;
  for (const name of cleanComponents(byteStringFromText(path))) {
    inode = inode?.children?.get(name)?.inode;
  }
  return inode;
}
