/**
 * Reads files whole whose path somebody else has chosen: only regular ones, since reading a pipe or a device
 * could wait or go on for ever, and only up to a bound.
 */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

export type RegularFileRead =
  | { readonly kind: 'whole'; readonly bytes: Buffer }
  | { readonly kind: 'not regular' }
  | { readonly kind: 'too long'; readonly sizeBytes: number };

/** Follows symbolic links. Rejects with the system's error. */
export async function readRegularFile(path: string, bytesMax: number): Promise<RegularFileRead> {
  await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const stats = await file.stat();
  if (!stats.isFile()) return { kind: 'not regular' };
  if (stats.size > bytesMax) return { kind: 'too long', sizeBytes: stats.size };
  const buffer = Buffer.alloc(stats.size);
  const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
  return { kind: 'whole', bytes: buffer.subarray(0, bytesRead) };
}
