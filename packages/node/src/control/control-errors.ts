/**
 * The one place where errors meet the control socket: an error of ours becomes a status and a
 * body, and a body becomes an error again on the other side.
 */
import { errorCode, ShoalError } from '@shoal/errors';
import * as z from 'zod';
import { ControlProtocolError, RemoteError } from '../errors.ts';
import type { ErrorBody } from './control-protocol.ts';
import { errorBodySchema } from './control-protocol.ts';

const STATUS_BY_CODE: Readonly<Record<string, number>> = {
  ERR_NODE_CONTROL_PROTOCOL: 400,
  ERR_OCI_REFERENCE: 400,
  ERR_SNAPSHOTTER_MOUNTPOINT: 400,
  ERR_SNAPSHOTTER_NOT_MOUNTED: 404,
  ERR_NODE_NOT_TRACED: 404,
  ERR_LINUX_MOUNT_BUSY: 409,
  ERR_SNAPSHOTTER_CLOSED: 503,
};

export function encodeError(error: unknown): { status: number; body: ErrorBody } {
  if (error instanceof ShoalError) {
    const { code, message, remedy, retryable } = error;
    const body = {
      error: { code, message, retryable, ...(remedy === undefined ? {} : { remedy }) },
    };
    return { status: STATUS_BY_CODE[code] ?? 422, body };
  }
  const code = 'ERR_NODE_INTERNAL';
  const words = error instanceof Error ? error.message : String(error);
  const lacks = SHORTAGES[errorCode(error) ?? ''];
  if (lacks !== undefined) {
    const message = `the daemon lacks something: ${words}`;
    return { status: 500, body: { error: { code, message, remedy: lacks, retryable: true } } };
  }
  const remedy = 'this is a bug in shoal: please report it with the lines of the daemon log';
  return { status: 500, body: { error: { code, message: `internal error: ${words}`, remedy } } };
}

/** What a host refuses anybody, by the system's code: no bug. */
const SHORTAGES: Readonly<Record<string, string | undefined>> = {
  EMFILE:
    'raise the limit of open files of the daemon (LimitNOFILE= of its unit), then start it again',
  ENFILE: 'raise the limit of open files of the host (fs.file-max)',
  ENOMEM: 'free memory, or give the daemon more',
  ENOSPC: 'free space on that file system',
};

/** The error behind a body that came with a status of 400 or more. */
export function decodeError(status: number, body: unknown): ShoalError {
  const parsed = errorBodySchema.safeParse(body);
  if (!parsed.success) return new ControlProtocolError(`the daemon answered with ${status}`);
  const { code, message, remedy, retryable } = parsed.data.error;
  return new RemoteError(code, message, {
    ...(remedy === undefined ? {} : { remedy }),
    ...(retryable === undefined ? {} : { retryable }),
  });
}

/** @throws ControlProtocolError saying which field is wrong */
export function checkBody<T extends z.ZodType>(
  schema: T,
  value: unknown,
  what: string,
): z.infer<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new ControlProtocolError(`${what}: ${z.prettifyError(parsed.error).split('\n')[0] ?? ''}`);
}
