/**
 * Prefetch patterns: what of the image is fetched first after a mount. As in Nydus a pattern is an exact
 * absolute path, and a directory stands for everything below it. A part of a file is its path, a tab,
 * the offset, a tab and the length in bytes.
 */
import { errorCode } from '@shoal/errors';
import { readRegularFile } from '@shoal/linux/regular-file';
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
  const bytes = await readPatterns(path);
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

async function readPatterns(path: string): Promise<Buffer> {
  const failure = (detail: string) => new OptionFileError(OPTION, path, detail, REMEDY);
  const file = await readRegularFile(path, PREFETCH_FILE_BYTES_MAX).catch((error: unknown) => {
    const code = errorCode(error);
    throw code === undefined ? error : failure(`cannot be read (${code})`);
  });
  switch (file.kind) {
    case 'whole':
      return file.bytes;
    case 'not regular':
      throw failure('is not a regular file');
    case 'too long':
      throw failure(`${file.sizeBytes} bytes; at most ${PREFETCH_FILE_BYTES_MAX} are read`);
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
