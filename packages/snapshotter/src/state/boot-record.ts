/**
 * Records of what processes of this boot hold for a daemon that comes later: the FUSE session, the socket
 * for containerd. Replaced by rename, since half a record would cost what it speaks of; not synced, since
 * it is worth nothing after the boot.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { errorCode } from '@shoal/errors';
import * as z from 'zod';
import { currentBootId } from './boot-id.ts';

type BootRecord = { readonly bootId: string };

export const bootIdSchema = z.string().max(64);
const descriptor = z.number().int().min(0).max(65_535);

/** A `HolderRecord` of descriptors with these names. */
export function holderSchema(...names: readonly string[]) {
  return z.strictObject({
    pid: z.number().int().positive(),
    startTime: z.string().regex(/^\d{1,20}$/),
    fds: z.strictObject(Object.fromEntries(names.map((name) => [name, descriptor]))),
    lifeFd: descriptor,
    socket: z.string().max(4096).optional(),
  });
}

/**
 * Of this boot; undefined when there is none that decodes: cut short, or of another version. Throws when
 * the file cannot be read now, such as EMFILE: there may be one.
 */
export function readBootRecord<T extends BootRecord>(
  file: string,
  schema: z.ZodType<T>,
): T | undefined {
  const text = readIfThere(file);
  if (text === undefined) return undefined;
  try {
    const record = schema.parse(JSON.parse(text));
    return record.bootId === currentBootId() ? record : undefined;
  } catch {
    return undefined;
  }
}

export function writeBootRecord<T extends BootRecord>(file: string, record: T): void {
  writeFileSync(`${file}.new`, JSON.stringify(record), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
