/**
 * The daemon's database: mount records, which bootstraps were verified, and the ids of the files
 * served through FUSE. Every write is synced before it returns, because a reply follows it. Only
 * one process opens it; a second opener gets `StateLockedError`.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '@shoal/errors';
import { Level } from 'level';
import { z } from 'zod';
import { StateDamagedError, StateLockedError } from './errors.ts';
import type { MountRecord } from './mount-record.ts';
import { decodeMountRecord, encodeMountRecord } from './mount-record.ts';

const SYNC = { sync: true };
const SCHEMA_VERSION = '1';
const KEY = {
  schema: 'meta/schema',
  nextFileId: 'meta/next-file-id',
  mount: 'mount/',
  verified: 'verified/',
  file: 'file/',
} as const;

/** Node id 1 is the root of a FUSE file system. */
const FIRST_FILE_ID = 2;

export type ServedFileIdentity = { readonly fileId: number; readonly fileName: string };

export type VerifiedBootstrap = z.infer<typeof verifiedSchema>;
const verifiedSchema = z.strictObject({
  sizeBytes: z.number().int().min(1),
  inodes: z.number().int().min(1),
  /** Holds names or devices that overlayfs would take as instructions. */
  hasOverlayInstructions: z.boolean(),
});

const identitySchema = z.strictObject({
  fileId: z.number().int().min(FIRST_FILE_ID),
  fileName: z.string().min(1).max(200),
});

export type DamagedRecord = { readonly key: string; readonly error: StateDamagedError };

export class StateStore {
  readonly #db: Level<string, string>;
  readonly #directory: string;
  #nextFileId: number;
  /** Ids are given out one at a time: two mounts of one blob must get the same. */
  #queue: Promise<unknown> = Promise.resolve();

  private constructor(db: Level<string, string>, directory: string, nextFileId: number) {
    this.#db = db;
    this.#directory = directory;
    this.#nextFileId = nextFileId;
  }

  /** Opens `<root>/state`, creating it. */
  static async open(root: string): Promise<StateStore> {
    const directory = join(root, 'state');
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const db = new Level<string, string>(directory);
    try {
      await db.open();
    } catch (error) {
      throw openFailure(directory, error);
    }
    try {
      const schema = await db.get(KEY.schema);
      if (schema === undefined) await db.put(KEY.schema, SCHEMA_VERSION, SYNC);
      else if (schema !== SCHEMA_VERSION) {
        throw new StateDamagedError(directory, `version ${schema} is not known`, {
          remedy: 'use the version of Shoal that wrote it',
        });
      }
      const next = Number((await db.get(KEY.nextFileId)) ?? FIRST_FILE_ID);
      if (!Number.isSafeInteger(next) || next < FIRST_FILE_ID) {
        throw new StateDamagedError(directory, 'the next file id is not a number');
      }
      return new StateStore(db, directory, next);
    } catch (error) {
      await db.close();
      throw error instanceof StateDamagedError ? error : openFailure(directory, error);
    }
  }

  async putMount(record: MountRecord): Promise<void> {
    await this.#db.put(KEY.mount + record.id, encodeMountRecord(record), SYNC);
  }

  async deleteMount(id: string): Promise<void> {
    await this.#db.del(KEY.mount + id, SYNC);
  }

  /** All records; one that does not decode harms nobody else. */
  async readMounts(): Promise<{ records: MountRecord[]; damaged: DamagedRecord[] }> {
    const records: MountRecord[] = [];
    const damaged: DamagedRecord[] = [];
    for await (const [key, text] of this.#db.iterator(within(KEY.mount))) {
      try {
        records.push(decodeMountRecord(text, this.#directory));
      } catch (error) {
        if (!(error instanceof StateDamagedError)) throw error;
        damaged.push({ key, error });
      }
    }
    return { records, damaged };
  }

  /** What was found when this bootstrap was walked; undefined: it never was. */
  async readVerified(layerDigest: string): Promise<VerifiedBootstrap | undefined> {
    const text = await this.#db.get(KEY.verified + layerDigest);
    if (text === undefined) return undefined;
    const parsed = verifiedSchema.safeParse(parseJson(text));
    return parsed.success ? parsed.data : undefined;
  }

  async putVerified(layerDigest: string, verified: VerifiedBootstrap): Promise<void> {
    await this.#db.put(KEY.verified + layerDigest, JSON.stringify(verified), SYNC);
  }

  /** The identity of a served file, the same for ever: the kernel knows files by it. */
  fileIdentity(key: string, label: string): Promise<ServedFileIdentity> {
    const run = this.#queue.then(() => this.#fileIdentity(key, label));
    this.#queue = run.catch(() => {});
    return run;
  }

  async #fileIdentity(key: string, label: string): Promise<ServedFileIdentity> {
    const text = await this.#db.get(KEY.file + key);
    const known = text === undefined ? undefined : identitySchema.safeParse(parseJson(text));
    if (known?.success === true) return known.data;
    const fileId = this.#nextFileId;
    const identity = { fileId, fileName: `${fileId}-${label}` };
    await this.#db
      .batch()
      .put(KEY.nextFileId, String(fileId + 1))
      .put(KEY.file + key, JSON.stringify(identity))
      .write(SYNC);
    this.#nextFileId = fileId + 1;
    return identity;
  }

  async close(): Promise<void> {
    await this.#queue;
    await this.#db.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function within(prefix: string): { gte: string; lt: string } {
  return { gte: prefix, lt: `${prefix}\uffff` };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function openFailure(directory: string, error: unknown): Error {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  if (errorCode(cause) === 'LEVEL_LOCKED') return new StateLockedError(directory, { cause });
  const detail = cause instanceof Error ? cause.message : String(cause);
  return new StateDamagedError(directory, detail, { cause });
}
