/**
 * What a `blobfs` driver leaves for its successor in `session.json`: who holds the descriptors, and
 * what INIT agreed. Written before the first mount, replaced by rename, valid for one boot.
 */
import {
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '@shoal/errors';
import { type HolderRecord, type InitAgreement, parseInitAgreement } from '@shoal/linux';
import * as z from 'zod';
import { currentBootId } from '../state/boot-id.ts';

export type SessionState = {
  readonly bootId: string;
  /** Names this session's descriptors in a store that outlives daemon and holder. */
  readonly sessionId: string;
  readonly holder: HolderRecord;
  readonly init: InitAgreement;
};

const STATE_VERSION = 2;
const STATE_FILE = 'session.json';

const descriptor = z.number().int().min(0).max(65_535);
const schema = z.strictObject({
  version: z.literal(STATE_VERSION),
  bootId: z.string().max(64),
  sessionId: z.string().regex(/^[0-9a-f]{16}$/),
  holder: z.strictObject({
    pid: z.number().int().positive(),
    startTime: z.string().regex(/^\d{1,20}$/),
    fds: z.strictObject({ fuse: descriptor, mount: descriptor }),
    lifeFd: descriptor,
    socket: z.string().max(4096).optional(),
  }),
  init: z.unknown(),
});

/**
 * The state of a predecessor in this boot; undefined when there is none that can be used. Throws when
 * the file cannot be read now, such as EMFILE: there may be one.
 */
export function readSessionState(directory: string): SessionState | undefined {
  const text = readStateFile(directory);
  if (text === undefined) return undefined;
  try {
    const parsed = schema.parse(JSON.parse(text));
    const { bootId, sessionId, holder } = parsed;
    if (bootId !== currentBootId()) return undefined;
    return { bootId, sessionId, holder, init: parseInitAgreement(parsed.init) };
  } catch {
    // Cut short, or of another version: its session cannot be taken over either way.
    return undefined;
  }
}

function readStateFile(directory: string): string | undefined {
  try {
    return readFileSync(join(directory, STATE_FILE), 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

export function writeSessionState(directory: string, state: SessionState): void {
  const path = join(directory, STATE_FILE);
  const fd = openSync(`${path}.new`, 'w', 0o600);
  try {
    writeSync(fd, JSON.stringify({ version: STATE_VERSION, ...state }));
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(`${path}.new`, path);
}

/** Given a session, only the record of that one: another may have followed it. */
export function removeSessionState(directory: string, sessionId?: string): void {
  if (sessionId !== undefined && readSessionState(directory)?.sessionId !== sessionId) return;
  rmSync(join(directory, STATE_FILE), { force: true });
}
