/**
 * The bootstrap of a layer that containerd has unpacked, read from the snapshot's directory. The
 * layer is a stranger's: nothing in it may lead elsewhere.
 * Spec: format page, section 10.2.
 */
import { constants } from 'node:fs';
import { lstat, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '@shoal/errors';
import type { BootstrapLayer } from '@shoal/rafs';
import { LazyImageError } from './errors.ts';
import { UNPACKED_BOOTSTRAP_BYTES_MAX, UNPACKED_BOOTSTRAP_FILES_MAX } from './limits.ts';

const BOOTSTRAP_FILE = 'image.boot';
const META_FILE = /^([0-9a-f]{64})\.blob\.meta$/;

/** `files` is the `fs` directory of a snapshot. @throws LazyImageError */
export async function readUnpackedBootstrap(files: string): Promise<BootstrapLayer> {
  const directory = await findDirectory(files);
  const budget = { bytes: UNPACKED_BOOTSTRAP_BYTES_MAX };
  const bootstrap = await readInside(directory, BOOTSTRAP_FILE, budget);
  const metaFiles = new Map<string, Buffer>();
  const names = (await readdir(directory)).slice(0, UNPACKED_BOOTSTRAP_FILES_MAX);
  for (const name of names) {
    const [, blobId] = META_FILE.exec(name) ?? [];
    if (blobId !== undefined) metaFiles.set(blobId, await readInside(directory, name, budget));
  }
  return { bootstrap, metaFiles };
}

async function findDirectory(files: string): Promise<string> {
  const inner = join(files, 'image');
  try {
    if ((await lstat(inner)).isDirectory()) return inner;
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
  return files;
}

async function readInside(
  directory: string,
  name: string,
  budget: { bytes: number },
): Promise<Buffer> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  let file: Awaited<ReturnType<typeof open>>;
  try {
    file = await open(join(directory, name), flags);
  } catch (error) {
    const code = errorCode(error);
    const detail = code === 'ENOENT' ? `it holds no ${name}` : `${name} cannot be read: ${code}`;
    throw new LazyImageError('the unpacked bootstrap layer', detail, { cause: error });
  }
  try {
    const facts = await file.stat();
    if (!facts.isFile() || facts.size > budget.bytes) {
      throw new LazyImageError(
        'the unpacked bootstrap layer',
        `${name} is no file of a usable size`,
      );
    }
    budget.bytes -= facts.size;
    return await file.readFile();
  } finally {
    await file.close();
  }
}
