/**
 * What a `blobfs` driver leaves for its successor in `session.json`: who holds the descriptors, and
 * what INIT agreed. Written before the first mount, replaced by rename, valid for one boot.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { type HolderRecord, type InitAgreement, parseInitAgreement } from '@shoal/linux';
import * as z from 'zod';
import {
  bootIdSchema,
  holderSchema,
  readBootRecord,
  writeBootRecord,
} from '../state/boot-record.ts';

export type SessionState = {
  readonly bootId: string;
  /** Names this session's descriptors in a store that outlives daemon and holder. */
  readonly sessionId: string;
  readonly holder: HolderRecord;
  readonly init: InitAgreement;
};

const STATE_VERSION = 2;
const STATE_FILE = 'session.json';

const schema = z.strictObject({
  version: z.literal(STATE_VERSION),
  bootId: bootIdSchema,
  sessionId: z.string().regex(/^[0-9a-f]{16}$/),
  holder: holderSchema('fuse', 'mount'),
  init: z.unknown().transform(parseInitAgreement),
});

/**
 * The state of a predecessor in this boot; undefined when there is none that can be used. Throws when
 * the file cannot be read now, such as EMFILE: there may be one.
 */
export function readSessionState(directory: string): SessionState | undefined {
  const record = readBootRecord(join(directory, STATE_FILE), schema);
  if (record === undefined) return undefined;
  const { bootId, sessionId, holder, init } = record;
  return { bootId, sessionId, holder, init };
}

export function writeSessionState(directory: string, state: SessionState): void {
  writeBootRecord(join(directory, STATE_FILE), { version: STATE_VERSION, ...state });
}

/** Given a session, only the record of that one: another may have followed it. */
export function removeSessionState(directory: string, sessionId?: string): void {
  if (sessionId !== undefined && readSessionState(directory)?.sessionId !== sessionId) return;
  rmSync(join(directory, STATE_FILE), { force: true });
}
