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
  const failure = (message: string, error: unknown) =>
    ({ level: 'error', message, error }) as const;
  switch (event.kind) {
    case 'miss-failed':
      return {
        ...failure(`a reader got an error for ${range(event)}`, event.error),
        level: 'warn',
      };
    case 'not-ready-after-miss':
      return { level: 'error', message: `fetched, but not there: ${range(event)}` };
    case 'device-read-failed': {
      const message = `errno ${event.errno} reading ${range(event)} from the cache`;
      return { level: 'error', message };
    }
    case 'bad-request':
      return failure('the kernel sent a FUSE request we do not understand', event.error);
    case 'reply-refused':
      return failure('the kernel refused a FUSE reply', event.error);
    case 'worker-failed':
      return failure('a FUSE thread failed and is replaced', event.error);
    case 'workers-keep-failing':
      return failure('FUSE threads fail again and again', event.error);
    case 'disconnected': {
      const message = 'the kernel ended the FUSE connection: readers get errors now';
      return { level: 'error', message };
    }
  }
}
