/**
 * The 64-byte id field of device slots and blob table entries: the hex SHA-256 of the blob, or 64
 * times `x` in the bootstrap a blob carries of itself, which cannot know its own hash. Ids become
 * file names and URLs, so nothing else is accepted.
 */
import { RafsCorruptError, RafsInputError } from './errors.ts';

export const BLOB_ID_SIZE = 64;
/** Stands for "the blob this bootstrap was found in". */
export const SELF_BLOB_ID = 'x'.repeat(BLOB_ID_SIZE);
const PATTERN = /^(?:[0-9a-f]{64}|x{64})$/;

export function decodeBlobId(bytes: Buffer, structure: string): string {
  const id = bytes.toString('latin1', 0, BLOB_ID_SIZE);
  if (PATTERN.test(id)) return id;
  throw new RafsCorruptError(structure, 'the blob id is not 64 lower-case hexadecimal digits');
}

export function encodeBlobId(id: string, bytes: Buffer, offset: number): void {
  if (!PATTERN.test(id)) {
    throw new RafsInputError('a blob id must be 64 lower-case hexadecimal digits');
  }
  bytes.write(id, offset, BLOB_ID_SIZE, 'latin1');
}
