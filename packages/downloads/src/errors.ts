/** Every condition this package reports, one class each. Messages never hold credentials or queries. */
import type { ShoalErrorOptions } from '@shoal/errors';
import { ShoalError, shellWord } from '@shoal/errors';

/** Something is there under the name already, and it is not what was asked for. */
export class FileThereError extends ShoalError {
  override readonly code = 'ERR_DOWNLOADS_FILE_THERE';

  constructor(path: string, detail: string, options: ShoalErrorOptions = {}) {
    super(`${path} ${detail}`, {
      remedy: 'move it away, or have it replaced with --force',
      ...options,
    });
  }
}

/** What came is not what its digest says. Nothing is left under the name. */
export class WrongDigestError extends ShoalError {
  override readonly code = 'ERR_DOWNLOADS_WRONG_DIGEST';

  constructor(what: string, expected: string, actual: string, options: ShoalErrorOptions = {}) {
    super(`${what}: has the digest ${actual}, not ${expected}`, {
      remedy:
        'nothing was kept: run it again; if that fails too, whoever serves it serves something else',
      ...options,
    });
  }
}

/** What came has another length than was said. */
export class WrongLengthError extends ShoalError {
  override readonly code = 'ERR_DOWNLOADS_WRONG_LENGTH';

  constructor(what: string, expected: number, actual: number, options: ShoalErrorOptions = {}) {
    super(`${what}: has ${actual} bytes, not ${expected}`, {
      remedy: 'run it again; if that fails too, whoever serves it serves something else',
      ...options,
    });
  }
}

/** Another process is fetching the same file. */
export class BusyTargetError extends ShoalError {
  override readonly code = 'ERR_DOWNLOADS_BUSY';

  constructor(path: string, claim: string) {
    super(`${path} is being fetched by another process`, {
      remedy: `wait for it; when there is none, remove ${shellWord(claim)}`,
    });
  }
}

/** A path that a download must not have: outside of its directory, through a link, no regular file. */
export class TargetPathError extends ShoalError {
  override readonly code = 'ERR_DOWNLOADS_TARGET';

  constructor(path: string, detail: string, options: ShoalErrorOptions = {}) {
    super(`${path} ${detail}`, { remedy: 'choose another place', ...options });
  }
}

/** The file system refuses. */
export class TargetWriteError extends ShoalError {
  override readonly code = 'ERR_DOWNLOADS_WRITE';

  constructor(path: string, systemCode: string, options: ShoalErrorOptions = {}) {
    super(`${path} cannot be written (${systemCode})`, {
      remedy:
        systemCode === 'ENOSPC' || systemCode === 'EDQUOT'
          ? 'free some space and run it again: it goes on where it stopped'
          : 'check the place and its permissions',
      ...options,
    });
  }
}

/** The record of an interrupted download does not make sense; it starts again. */
export class JournalError extends ShoalError {
  override readonly code = 'ERR_DOWNLOADS_JOURNAL';
}

/** A layer of an artifact names a file that cannot be made, or that another layer names. */
export class TitleError extends ShoalError {
  override readonly code = 'ERR_DOWNLOADS_TITLE';

  constructor(title: string, detail: string, options: ShoalErrorOptions = {}) {
    super(`the artifact names a file ${JSON.stringify(title.slice(0, 200))}, ${detail}`, {
      remedy: 'ask whoever made the artifact; name one of its files to fetch that alone',
      ...options,
    });
  }
}

/** What was asked for is not in there, or cannot be had as a file. */
export class SubjectError extends ShoalError {
  override readonly code = 'ERR_DOWNLOADS_SUBJECT';
}
