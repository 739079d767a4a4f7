/**
 * The file of `--output-json`: opened before the conversion starts, so that a wrong path costs a
 * second and not an hour, and put in its place by renaming when the report is complete.
 */
import { randomUUID } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { lstat, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { errorCode } from '@shoal/errors';
import { ReportFileError, ReportWriteError, UsageError } from '../errors.ts';
import { formatJson } from '../output.ts';

export class ReportFile implements AsyncDisposable {
  readonly #path: string;
  readonly #temporary: string;
  readonly #handle: FileHandle;
  #isCommitted = false;

  constructor(path: string, temporary: string, handle: FileHandle) {
    this.#path = path;
    this.#temporary = temporary;
    this.#handle = handle;
  }

  /** Writes the report and puts it in place. */
  async commit(report: unknown): Promise<void> {
    try {
      await this.#handle.writeFile(`${formatJson(report)}\n`);
      await this.#handle.close();
      await rename(this.#temporary, this.#path);
      this.#isCommitted = true;
    } catch (error) {
      throw new ReportWriteError(this.#path, errorCode(error) ?? 'unknown', { cause: error });
    }
  }

  /** Leaves nothing behind unless the report was committed. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isCommitted) return;
    await this.#handle.close().catch(() => {});
    await rm(this.#temporary, { force: true });
  }
}

/**
 * Throws `ReportFileError` when nothing could be put there, `UsageError` for a file inside one of
 * `places`, which the conversion reads or writes.
 */
export async function openReportFile(path: string, places: readonly string[]): Promise<ReportFile> {
  const { isPathWithin } = await import('@shoal/registry-client');
  const taken = places.find((place) => isPathWithin(path, place));
  if (taken !== undefined) {
    throw new UsageError(`--output-json ${path} lies in ${taken}, which the conversion uses`, {
      remedy: 'give a file elsewhere',
    });
  }
  const temporary = join(dirname(path), `.${basename(path)}.${randomUUID()}`);
  try {
    const stats = await lstat(path).catch(() => undefined);
    if (stats !== undefined && !stats.isFile()) {
      throw new ReportFileError(path, 'exists and is not a regular file');
    }
    if (stats !== undefined && stats.size > 0 && !(await isReport(path))) {
      throw new ReportFileError(path, 'exists and is not a report', {
        remedy: 'it is left as it is: choose another file or remove it yourself',
      });
    }
    return new ReportFile(path, temporary, await open(temporary, 'wx', 0o644));
  } catch (error) {
    throw failure(path, error);
  }
}

/** What an earlier conversion wrote may be replaced. */
async function isReport(path: string): Promise<boolean> {
  await using file = await open(path, 'r');
  const head = Buffer.alloc(32);
  await file.read(head, 0, head.length, 0);
  return /^\{\s*"shoal":/.test(head.toString('latin1'));
}

function failure(path: string, error: unknown): ReportFileError {
  if (error instanceof ReportFileError) return error;
  const detail = `cannot be written (${errorCode(error) ?? 'unknown'})`;
  return new ReportFileError(path, detail, { cause: error });
}
