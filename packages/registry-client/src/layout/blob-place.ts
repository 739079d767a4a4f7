/**
 * Where blobs lie in a layout, and which parts of them can be asked for.
 */
import { type Descriptor, type Digest, digestAlgorithm, digestHex } from '@shoal/oci';
import { RangeRequestError } from '../errors.ts';
import { RANGE_BYTES_MAX } from '../limits.ts';

/** Path of a blob below the layout's directory. */
export function blobName(digest: Digest): string {
  return `blobs/${digestAlgorithm(digest)}/${digestHex(digest)}`;
}

/** Throws unless the range lies inside the blob and may be held in memory. */
export function checkRange(descriptor: Descriptor, offset: number, length: number): void {
  const isSound =
    Number.isSafeInteger(offset) &&
    Number.isSafeInteger(length) &&
    offset >= 0 &&
    length >= 0 &&
    length <= RANGE_BYTES_MAX &&
    offset + length <= descriptor.size;
  if (isSound) return;
  throw new RangeRequestError(
    `${length} bytes at ${offset} are not inside ${descriptor.digest} (${descriptor.size} bytes)`,
    { remedy: 'the image is damaged: its metadata points outside its blobs' },
  );
}
