/** Fetches the files of a get into their places, one after the other. */
import { mkdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { errorCode } from '@shoal/errors';
import { type DownloadedFile, type DownloadOptions, downloadFile } from './download-file.ts';
import { SubjectError, TargetWriteError } from './errors.ts';
import type { GetFile, OpenedGet } from './get-access.ts';
import { titleParts } from './target/file-title.ts';
import { HeldDirectory } from './target/held-directory.ts';

export type GetFilesOptions = DownloadOptions & {
  readonly onFile?: ((file: DownloadedFile) => void | Promise<void>) | undefined;
};

/**
 * To a file or directory of the caller's own choice. A single file gets the name `to`, unless that is
 * a directory or ends with a slash: then its own, in there.
 */
export async function getTo(
  get: OpenedGet,
  to: string,
  options: GetFilesOptions = {},
): Promise<readonly DownloadedFile[]> {
  const [only] = get.files;
  if (get.isTree || only === undefined || to.endsWith('/') || (await isDirectory(to))) {
    await makeDirectory(to);
    await using base = await HeldDirectory.open(resolve(to));
    return await getBelow(get, base, options);
  }
  const path = resolve(to);
  await using directory = await HeldDirectory.open(dirname(path));
  const name = titleParts(basename(path))[0];
  const done = await downloadFile(only.source, { directory, name }, options);
  await options.onFile?.(done);
  return [done];
}

/** Below a directory, under the files' own names: nothing leads out of it. */
export async function getBelow(
  { files }: Pick<OpenedGet, 'files'>,
  base: HeldDirectory,
  options: GetFilesOptions = {},
): Promise<readonly DownloadedFile[]> {
  const done: DownloadedFile[] = [];
  for (const file of files) {
    const one = await getOneBelow(file, base, options);
    done.push(one);
    await options.onFile?.(one);
  }
  return done;
}

async function getOneBelow(
  { name, source }: GetFile,
  base: HeldDirectory,
  options: DownloadOptions,
): Promise<DownloadedFile> {
  if (name === undefined) {
    throw new SubjectError(`${source.description} says no name for the file`, {
      remedy: 'say one: -o FILE',
    });
  }
  const parts = [...titleParts(name)];
  const last = parts.pop() ?? '';
  await using held = new AsyncDisposableStack();
  let directory = base;
  for (const part of parts) directory = held.use(await directory.below(part));
  return await downloadFile(source, { directory, name: last }, options);
}

async function isDirectory(path: string): Promise<boolean> {
  return await stat(path).then(
    (stats) => stats.isDirectory(),
    () => false,
  );
}

/** One level: a path that is misspelt shall not become a tree. */
async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    const code = errorCode(error) ?? 'unknown error';
    if (code !== 'EEXIST') throw new TargetWriteError(join(path), code, { cause: error });
  }
}
