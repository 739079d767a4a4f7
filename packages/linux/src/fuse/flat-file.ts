/** Checks a file before a session serves it, and opens its device file. */
import { fstatSync, openSync } from 'node:fs';
import { FlatFileError } from '../errors.ts';
import { FLAT_FILE_BYTES_MAX, FLAT_NAME_BYTES_MAX } from '../limits.ts';
import { closeFd } from '../syscalls.ts';
import { FUSE_ROOT_ID } from './kernel-structs.ts';
import { readyMapBytes } from './ready-map.ts';
import type { FlatFile } from './session-types.ts';
import type { WorkerFile } from './worker-messages.ts';

function problemOf(file: FlatFile): string | undefined {
  if (!Number.isSafeInteger(file.fileId) || file.fileId <= FUSE_ROOT_ID) {
    return `node id ${file.fileId} is not a safe integer of 2 or more`;
  }
  const nameBytes = Buffer.byteLength(file.name);
  const isReserved = file.name === '.' || file.name === '..';
  if (nameBytes === 0 || nameBytes > FLAT_NAME_BYTES_MAX || isReserved || /[/\0]/.test(file.name)) {
    return `name ${JSON.stringify(file.name.slice(0, FLAT_NAME_BYTES_MAX))} is not a file name`;
  }
  const { sizeBytes } = file;
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0 || sizeBytes > FLAT_FILE_BYTES_MAX) {
    return `size ${sizeBytes} is out of range`;
  }
  if (file.readyMap.byteLength < readyMapBytes(sizeBytes)) {
    return `a ready map of ${file.readyMap.byteLength} bytes is too small for ${sizeBytes} bytes`;
  }
  return undefined;
}

/** The file as workers get it; the caller closes `fd`. */
export function openFlatFile(file: FlatFile): WorkerFile {
  const problem = problemOf(file);
  if (problem !== undefined) throw new FlatFileError(`${file.path}: ${problem}`);
  const fd = openSync(file.path, 'r');
  const actual = fstatSync(fd).size;
  if (actual < file.sizeBytes) {
    closeFd(fd);
    throw new FlatFileError(`${file.path} has ${actual} bytes, not ${file.sizeBytes}`);
  }
  const { fileId, name, sizeBytes, readyMap } = file;
  return { fileId, name, sizeBytes, fd, readyMap };
}
