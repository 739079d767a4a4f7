/**
 * A directory held open, and what lies in it named through its descriptor: whoever swaps a directory
 * for a symbolic link meanwhile leads nothing elsewhere. Linux: /proc/self/fd.
 */
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '@shoal/errors';
import { TargetPathError, TargetWriteError } from '../errors.ts';

const FLAGS = constants.O_RDONLY | constants.O_DIRECTORY;

export class HeldDirectory implements AsyncDisposable {
  /** As people know it, for messages. */
  readonly shown: string;
  readonly #handle: FileHandle;

  private constructor(shown: string, handle: FileHandle) {
    this.shown = shown;
    this.#handle = handle;
  }

  /** Of a directory that is there; symbolic links that lead to it are its owner's. */
  static async open(path: string): Promise<HeldDirectory> {
    try {
      return new HeldDirectory(path, await open(path, FLAGS));
    } catch (error) {
      throw directoryFailure(path, error);
    }
  }

  /** One below it, made where it is missing. Never through a symbolic link. */
  async below(name: string): Promise<HeldDirectory> {
    const shown = join(this.shown, name);
    const path = this.path(name);
    try {
      await mkdir(path).catch((error: unknown) => {
        if (errorCode(error) !== 'EEXIST') throw error;
      });
      return new HeldDirectory(shown, await open(path, FLAGS | constants.O_NOFOLLOW));
    } catch (error) {
      throw directoryFailure(shown, error);
    }
  }

  /** For system calls: of something directly in it. */
  path(name: string): string {
    return `/proc/self/fd/${this.#handle.fd}/${name}`;
  }

  /** Other users may make files in it, as in /tmp. */
  async isOfMany(): Promise<boolean> {
    const { mode } = await this.#handle.stat();
    return (mode & (constants.S_IWGRP | constants.S_IWOTH)) !== 0;
  }

  /** Names in it survive a loss of power. */
  async sync(): Promise<void> {
    await this.#handle.sync();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }
}

function directoryFailure(path: string, error: unknown): Error {
  const code = errorCode(error) ?? 'unknown error';
  const detail = PROBLEMS[code];
  if (detail !== undefined) return new TargetPathError(path, detail, { cause: error });
  return new TargetWriteError(path, code, { cause: error });
}

const PROBLEMS: Readonly<Record<string, string | undefined>> = {
  ELOOP: 'is a symbolic link, and none is followed there',
  ENOTDIR: 'is no directory, or is a symbolic link',
  ENOENT: 'is not there',
};
