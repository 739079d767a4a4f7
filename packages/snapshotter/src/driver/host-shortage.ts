/** Tells a lack of something on this host, which passes, from what is wrong with the thing itself. */
import { errorCode } from '@shoal/errors';

const SHORTAGES: readonly (string | undefined)[] = ['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN'];

/** What the system said, also behind an error that says what it kept from being done; else undefined. */
export function hostShortageOf(error: unknown): Error | undefined {
  if (!(error instanceof Error)) return undefined;
  return SHORTAGES.includes(nameOf(error)) ? error : hostShortageOf(error.cause);
}

/** Errors of our own system calls have a code of ours, and the system's beside it. */
function nameOf(error: Error): string | undefined {
  if ('errnoName' in error && typeof error.errnoName === 'string') return error.errnoName;
  return errorCode(error);
}
