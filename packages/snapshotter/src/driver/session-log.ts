/** What a session's events say to an operator. */
import type { SessionEvent } from '@shoal/linux';

export type DriverEvent = {
  readonly level: 'info' | 'warn' | 'error';
  readonly message: string;
  readonly error?: unknown;
};

/** `nameOf` gives the served name of a file id. */
export function describeEvent(
  event: SessionEvent,
  nameOf: (fileId: number) => string,
): DriverEvent {
  const range = (found: { fileId: number; offset: number; length: number }) =>
    `${found.length} bytes at ${found.offset} of blob ${nameOf(found.fileId)}`;
  switch (event.kind) {
    case 'miss-failed':
      return {
        level: 'warn',
        message: `a reader got an error for ${range(event)}`,
        error: event.error,
      };
    case 'not-ready-after-miss':
      return { level: 'error', message: `fetched, but not there: ${range(event)}` };
    case 'device-read-failed':
      return {
        level: 'error',
        message: `errno ${event.errno} reading ${range(event)} from the cache`,
      };
    case 'bad-request':
      return {
        level: 'error',
        message: 'the kernel sent a FUSE request we do not understand',
        error: event.error,
      };
    case 'reply-refused':
      return { level: 'error', message: 'the kernel refused a FUSE reply', error: event.error };
    case 'worker-failed':
      return {
        level: 'error',
        message: 'a FUSE thread failed and is replaced',
        error: event.error,
      };
    case 'disconnected':
      return {
        level: 'error',
        message: 'the kernel ended the FUSE connection: readers get errors now',
      };
  }
}
