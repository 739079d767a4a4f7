/**
 * Named files of a directory or of an archive: what layout and Docker stores read from.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '@shoal/errors';
import { SizeMismatchError } from '../errors.ts';
import {
  borrowedFilePieces,
  fileError,
  filePieces,
  openRegularFile,
  readBoundedFile,
  readExactly,
} from './regular-file.ts';

export interface FileTree {
  /** For messages. */
  readonly description: string;
  /** Bytes of a file; undefined when there is no such regular file. */
  sizeOf(name: string): Promise<number | undefined>;
  readBounded(name: string, bytesMax: number): Promise<Buffer>;
  readRange(name: string, offset: number, length: number): Promise<Buffer>;
  /** The whole file; opened when the first piece is asked for, closed when the reading ends. */
  pieces(name: string, signal: AbortSignal | undefined): AsyncIterable<Buffer>;
  /** The same, but each piece is valid until the next is asked for. */
  borrowedPieces(name: string, signal: AbortSignal | undefined): AsyncIterable<Buffer>;
  close(): Promise<void>;
}

/** Files below a directory. Symbolic links are followed, as every tool that reads layouts does. */
export class DirectoryTree implements FileTree {
  readonly description: string;
  readonly #path: string;

  constructor(path: string, description: string) {
    this.#path = path;
    this.description = description;
  }

  async sizeOf(name: string): Promise<number | undefined> {
    try {
      const found = await stat(join(this.#path, name));
      return found.isFile() ? found.size : undefined;
    } catch (error) {
      const code = errorCode(error);
      if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
      throw fileError(error, `${join(this.#path, name)} cannot be read`);
    }
  }

  readBounded(name: string, bytesMax: number): Promise<Buffer> {
    return readBoundedFile(join(this.#path, name), 'file', bytesMax);
  }

  async readRange(name: string, offset: number, length: number): Promise<Buffer> {
    const path = join(this.#path, name);
    const { handle } = await openRegularFile(path, 'file');
    try {
      return await readExactly(handle, offset, length, path);
    } finally {
      await handle.close();
    }
  }

  pieces(name: string, signal: AbortSignal | undefined): AsyncIterable<Buffer> {
    return piecesOfFile(join(this.#path, name), filePieces, signal);
  }

  borrowedPieces(name: string, signal: AbortSignal | undefined): AsyncIterable<Buffer> {
    return piecesOfFile(join(this.#path, name), borrowedFilePieces, signal);
  }

  async close(): Promise<void> {}
}

async function* piecesOfFile(
  path: string,
  read: typeof filePieces,
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer, void, void> {
  const { handle, size } = await openRegularFile(path, 'file');
  try {
    yield* read(handle, 0, size, signal);
  } finally {
    await handle.close();
  }
}

/** Throws when a file is not as long as its descriptor says, before anything of it is read. */
export function checkSize(where: string, digest: string, expected: number, actual: number): void {
  if (actual !== expected) throw new SizeMismatchError(where, digest, expected, `${actual}`);
}
