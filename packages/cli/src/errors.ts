/**
 * Conditions of the command line itself.
 */
import type { ShoalErrorOptions } from '@shoal/errors';
import { ShoalError } from '@shoal/errors';

/** The command line cannot be understood, or asks for something impossible. */
export class UsageError extends ShoalError {
  override readonly code = 'ERR_CLI_USAGE';

  constructor(message: string, options: ShoalErrorOptions = {}) {
    super(message, options);
  }
}

/** Whoever read our standard output stopped reading (`shoal ls ... | head`). Not a failure. */
export class OutputClosedError extends ShoalError {
  override readonly code = 'ERR_CLI_OUTPUT_CLOSED';

  constructor(options: ShoalErrorOptions = {}) {
    super('standard output was closed', options);
  }
}

/** Standard output cannot be written, e.g. because the disk behind it is full. */
export class OutputError extends ShoalError {
  override readonly code = 'ERR_CLI_OUTPUT';

  constructor(detail: string, options: ShoalErrorOptions = {}) {
    super(`standard output cannot be written: ${detail}`, {
      remedy: 'make room, or send the output somewhere else',
      ...options,
    });
  }
}

/** The file of `--output-json` is none that a report may be written to. */
export class ReportFileError extends ShoalError {
  override readonly code = 'ERR_CLI_REPORT_FILE';

  constructor(path: string, detail: string, options: ShoalErrorOptions = {}) {
    super(`--output-json ${path} ${detail}`, {
      remedy: 'give a file in a directory that exists and may be written',
      ...options,
    });
  }
}

/** The report of `--output-json` could not be written; what it reports on is done. */
export class ReportWriteError extends ShoalError {
  override readonly code = 'ERR_CLI_REPORT_WRITE';

  constructor(path: string, detail: string, options: ShoalErrorOptions = {}) {
    super(`the image is converted, but --output-json ${path} cannot be written (${detail})`, {
      remedy: 'make room on that file system',
      ...options,
    });
  }
}
