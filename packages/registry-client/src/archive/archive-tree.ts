/**
 * The files inside an image archive, read in place.
 */
import type { FileHandle } from 'node:fs/promises';
import { quoted } from '@shoal/oci';
import { BodyLimitError, NotFoundError, RangeRequestError } from '../errors.ts';
import type { FileTree } from '../local/file-tree.ts';
import {
  borrowedFilePieces,
  filePieces,
  openRegularFile,
  readExactly,
} from '../local/regular-file.ts';
import {
  type ArchiveIndex,
  type ArchiveMember,
  findMember,
  indexArchive,
} from './archive-index.ts';

export class ArchiveTree implements FileTree {
  readonly description: string;
  readonly #handle: FileHandle;
  readonly #index: ArchiveIndex;

  private constructor(handle: FileHandle, index: ArchiveIndex, description: string) {
    this.#handle = handle;
    this.#index = index;
    this.description = description;
  }

  static async open(path: string, description: string): Promise<ArchiveTree> {
    const { handle, size } = await openRegularFile(path, 'archive');
    try {
      return new ArchiveTree(handle, await indexArchive(handle, size, path), description);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  async sizeOf(name: string): Promise<number | undefined> {
    return findMember(this.#index, name)?.sizeBytes;
  }

  async readBounded(name: string, bytesMax: number): Promise<Buffer> {
    const member = this.#member(name);
    if (member.sizeBytes > bytesMax) {
      throw new BodyLimitError(
        `${this.description}: ${quoted(name)} has ${member.sizeBytes} bytes, at most ${bytesMax} are read`,
        { remedy: 'no sound file of this kind is this large: check where the archive came from' },
      );
    }
    return readExactly(this.#handle, member.offset, member.sizeBytes, this.description);
  }

  async readRange(name: string, offset: number, length: number): Promise<Buffer> {
    const member = this.#member(name);
    if (offset + length > member.sizeBytes) {
      throw new RangeRequestError(
        `${this.description}: ${quoted(name)} ends before byte ${offset + length}`,
        { remedy: 'the archive is damaged: write it again' },
      );
    }
    return readExactly(this.#handle, member.offset + offset, length, this.description);
  }

  pieces(name: string, signal: AbortSignal | undefined): AsyncIterable<Buffer> {
    const { offset, sizeBytes } = this.#member(name);
    return filePieces(this.#handle, offset, sizeBytes, signal);
  }

  borrowedPieces(name: string, signal: AbortSignal | undefined): AsyncIterable<Buffer> {
    const { offset, sizeBytes } = this.#member(name);
    return borrowedFilePieces(this.#handle, offset, sizeBytes, signal);
  }

  #member(name: string): ArchiveMember {
    const member = findMember(this.#index, name);
    if (member !== undefined) return member;
    throw new NotFoundError(`${this.description} holds no file ${quoted(name)}`, {
      remedy: 'the archive is incomplete: write it again',
    });
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}
