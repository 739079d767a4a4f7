/** The files of the takeover tests: one for each way of reading, and a program. */
import { readFileSync } from 'node:fs';
import { findTool } from '@shoal/test-kit';

/** Where a server ends itself: at a miss before or after its bytes are written, or while adopting. */
export type DieAt = 'never' | 'before-fill' | 'after-fill' | 'after-taking';

export const READER_KINDS = ['small', 'large', 'direct', 'mmap', 'exec'] as const;
export type ReaderKind = (typeof READER_KINDS)[number];

export const FIRST_ID = 100;
export const FILE_IDS = READER_KINDS.map((_, index) => FIRST_ID + index);
export const DATA_BYTES = 16 << 20;

const PROGRAM = readFileSync(findTool('sha256sum') ?? '/usr/bin/sha256sum');
const PROGRAM_PADDED = Buffer.concat([PROGRAM, Buffer.alloc(-PROGRAM.length & 4095)]);

/** The seed of a pattern, or the program for the reader that runs it. */
export function deviceContent(fileId: number): {
  readonly content: number | Buffer;
  readonly sizeBytes: number;
} {
  return READER_KINDS[fileId - FIRST_ID] === 'exec'
    ? { content: PROGRAM_PADDED, sizeBytes: PROGRAM_PADDED.length }
    : { content: fileId, sizeBytes: DATA_BYTES };
}
