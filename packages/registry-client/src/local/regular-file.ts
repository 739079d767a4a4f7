/**
 * Reads regular files only, and never more than a bound: a fifo, a device or a directory where a
 * document should be is refused at once instead of hanging or filling the memory.
 */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { errorCode } from '@shoal/errors';
import { BodyLimitError, LocalFileError, RangeRequestError } from '../errors.ts';
import { FILE_READ_BYTES } from '../limits.ts';

export type RegularFile = { readonly handle: FileHandle; readonly size: number };

/** Opens for reading; `what` names its role in errors. Follows symbolic links. */
export async function openRegularFile(path: string, what: string): Promise<RegularFile> {
  const handle = await openOrExplain(path, what);
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) {
      throw new LocalFileError(`${what} ${path} is not a regular file`, {
        remedy: 'give a path that leads to an ordinary file',
      });
    }
    return { handle, size: stat.size };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function openOrExplain(path: string, what: string): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw fileError(error, `${what} ${path} cannot be read`);
  }
}

/** Wraps an error of the file system; the system's code stays in the message. */
export function fileError(error: unknown, message: string): LocalFileError {
  const code = errorCode(error) ?? 'unknown error';
  return new LocalFileError(`${message} (${code})`, { cause: error, remedy: remedyOf(code) });
}

function remedyOf(code: string): string {
  switch (code) {
    case 'ENOENT':
      return 'check the path';
    case 'EACCES':
    case 'EPERM':
      return 'check the permissions or run as a user who may';
    case 'ENOSPC':
    case 'EDQUOT':
      return 'free some space and run the command again';
    case 'EROFS':
      return 'choose a place that is not mounted read-only';
    default:
      return 'check the path and the disk';
  }
}

/** The whole file, at most `bytesMax` bytes. */
export async function readBoundedFile(
  path: string,
  what: string,
  bytesMax: number,
): Promise<Buffer> {
  const { handle, size } = await openRegularFile(path, what);
  try {
    if (size > bytesMax) {
      throw new BodyLimitError(`${what} ${path} has ${size} bytes, at most ${bytesMax} are read`, {
        remedy: 'no sound file of this kind is this large: check the path',
      });
    }
    return await readExactly(handle, 0, size, path);
  } finally {
    await handle.close();
  }
}

/** Exactly `length` bytes from `offset`; an early end of the file is an error. */
export async function readExactly(
  handle: FileHandle,
  offset: number,
  length: number,
  where: string,
): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await handle.read(bytes, filled, length - filled, offset + filled);
    if (bytesRead === 0) {
      throw new RangeRequestError(`${where} ends before byte ${offset + length}`, {
        remedy: 'the file is cut short: copy it again',
      });
    }
    filled += bytesRead;
  }
  return bytes;
}

/** Pieces of a file from `offset`, `length` bytes in all; ends early when the file does. */
export async function* filePieces(
  handle: FileHandle,
  offset: number,
  length: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer, void, void> {
  let position = 0;
  while (position < length) {
    signal?.throwIfAborted();
    const buffer = Buffer.allocUnsafeSlow(Math.min(FILE_READ_BYTES, length - position));
    const { bytesRead } = await handle.read(buffer, 0, buffer.byteLength, offset + position);
    if (bytesRead === 0) return;
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

/**
 * Like `filePieces`, from two buffers in turn: one is read into while the other is looked at. Each
 * piece is valid until the next is asked for.
 */
export async function* borrowedFilePieces(
  handle: FileHandle,
  offset: number,
  length: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer, void, void> {
  const size = Math.min(FILE_READ_BYTES, length);
  const read = async (buffer: Buffer, position: number) => {
    const wanted = Math.min(size, length - position);
    const { bytesRead } = await handle.read(buffer, 0, wanted, offset + position);
    return buffer.subarray(0, bytesRead);
  };
  let spare = Buffer.allocUnsafeSlow(size);
  let other = Buffer.allocUnsafeSlow(size);
  let reading = read(other, 0);
  try {
    for (let position = 0; position < length; ) {
      signal?.throwIfAborted();
      const piece = await reading;
      if (piece.byteLength === 0) return;
      position += piece.byteLength;
      [spare, other] = [other, spare];
      reading = read(other, position);
      // An error counts when its piece is asked for.
      reading.catch(() => undefined);
      yield piece;
    }
  } finally {
    // The caller closes the file.
    await reading.catch(() => undefined);
  }
}
