/** Tells a full disk apart from other failures of a write, also in the database's words. */
import { errorCode } from '@shoal/errors';
import { StateDiskFullError } from '../errors.ts';

const CODES: readonly (string | undefined)[] = ['ENOSPC', 'EDQUOT'];
/** LevelDB passes on strerror(3) only. */
const WORDS = /No space left on device|Disk quota exceeded/;

/** The error as it is to be thrown: one of ours when the disk that holds `place` is full. */
export function orDiskFull(error: unknown, place: string): unknown {
  return isDiskFull(error) ? new StateDiskFullError(place, { cause: error }) : error;
}

function isDiskFull(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return CODES.includes(errorCode(error)) || WORDS.test(error.message) || isDiskFull(error.cause);
}
