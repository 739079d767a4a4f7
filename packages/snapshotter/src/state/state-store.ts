/**
 * The daemon's database: mount records, and which bootstraps were verified. Every write is synced
 * before it returns, because a reply follows it. Only one process opens it; a second opener gets
 * `StateLockedError`.
 */
import { join } from 'node:path';
import { errorCode, ShoalError } from '@shoal/errors';
import { Level } from 'level';
import * as z from 'zod';
import { StateDamagedError, StateLockedError } from '../errors.ts';
import { orDiskFull } from './disk-full.ts';
import type { MountRecord } from './mount-record.ts';
import { decodeMountRecord, encodeMountRecord } from './mount-record.ts';
import { makePrivateDirectory } from './private-directory.ts';
import { MOUNTS_VERSION, requireKnownVersion } from './state-version.ts';

const SYNC = { sync: true };
const KEY = {
  schema: 'meta/schema',
  mount: 'mount/',
  verified: 'verified/',
} as const;

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

export type VerifiedBootstrap = z.infer<typeof verifiedSchema>;
const verifiedSchema = z.strictObject({
  /** Which walk it passed. */
  walkVersion: z.number().int().min(1),
  sizeBytes: z.number().int().min(1),
  /** Of the file that was walked. */
  fileDigest: sha256,
  /** Of its copy for overlays; absent when the image needs none. */
  overlayDigest: sha256.optional(),
  inodes: z.number().int().min(1),
  /** Blobs in the order of the image's device table. */
  blobIds: z.array(sha256).max(255),
});

export type DamagedRecord = { readonly key: string; readonly error: StateDamagedError };

export class StateStore {
  readonly #db: Level<string, string>;
  readonly #directory: string;
  #reopening: Promise<void> | undefined;
  #isClosed = false;

  private constructor(db: Level<string, string>, directory: string) {
    this.#db = db;
    this.#directory = directory;
  }

  /** Opens `<root>/state`, creating it. */
  static async open(root: string): Promise<StateStore> {
    const directory = join(root, 'state');
    makePrivateDirectory(directory);
    const db = new Level<string, string>(directory);
    try {
      await db.open();
    } catch (error) {
      throw openFailure(directory, error);
    }
    try {
      const schema = await db.get(KEY.schema);
      if (schema === undefined) await db.put(KEY.schema, String(MOUNTS_VERSION), SYNC);
      else requireKnownVersion(directory, schema, MOUNTS_VERSION);
      return new StateStore(db, directory);
    } catch (error) {
      await db.close();
      throw error instanceof ShoalError ? error : openFailure(directory, error);
    }
  }

  async putMount(record: MountRecord): Promise<void> {
    await this.#withDatabase((db) =>
      db.put(KEY.mount + record.id, encodeMountRecord(record), SYNC),
    );
  }

  async deleteMount(id: string): Promise<void> {
    await this.#withDatabase((db) => db.del(KEY.mount + id, SYNC));
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
    const text = await this.#withDatabase((db) => db.get(KEY.verified + layerDigest));
    if (text === undefined) return undefined;
    const parsed = verifiedSchema.safeParse(parseJson(text));
    return parsed.success ? parsed.data : undefined;
  }

  async putVerified(layerDigest: string, verified: VerifiedBootstrap): Promise<void> {
    const text = JSON.stringify(verified);
    await this.#withDatabase((db) => db.put(KEY.verified + layerDigest, text, SYNC));
  }

  /** Forgets the walk of bootstraps whose layer digest has this value, whatever its algorithm. */
  async deleteVerified(digestValue: string): Promise<void> {
    const keys = await this.#withDatabase((db) => db.keys(within(KEY.verified)).all());
    for (const key of keys.filter((each) => each.endsWith(`:${digestValue}`))) {
      await this.#withDatabase((db) => db.del(key, SYNC));
    }
  }

  /** After a write that failed LevelDB refuses all others until it is opened again. */
  async #withDatabase<T>(use: (db: Level<string, string>) => Promise<T>): Promise<T> {
    await this.#reopening?.catch(() => undefined);
    try {
      return await use(this.#db);
    } catch (error) {
      if (this.#isClosed) throw error;
      this.#reopening ??= this.#reopen().finally(() => {
        this.#reopening = undefined;
      });
      try {
        await this.#reopening;
        return await use(this.#db);
      } catch (again) {
        throw orDiskFull(again, this.#directory);
      }
    }
  }

  async #reopen(): Promise<void> {
    await this.#db.close();
    await this.#db.open();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#reopening?.catch(() => undefined);
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
