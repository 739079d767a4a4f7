/**
 * The directories of snapshots: `ROOT/snapshots/<id>/fs` is the layer (or the upper directory of a
 * container), `work` what overlayfs needs beside it. They are made before the record is written and
 * taken away after it is gone, by one rename. What a crash leaves has no record, and is deleted later:
 * it is empty, or its removal was noted. Other files without a record are never deleted.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, type Stats } from 'node:fs';
import { chmod, lchown, mkdir, open, readdir, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode, ShoalError } from '@shoal/errors';
import { DirectoryError } from '../errors.ts';
import { errorFields, type ServiceLog } from '../service-log.ts';
import { orDiskFull } from '../state/disk-full.ts';
import { makePrivateDirectory } from '../state/private-directory.ts';
import { runTool } from './child-tool.ts';
import { SnapshotDirectoryError } from './errors.ts';
import type { Owner } from './id-mapping.ts';
import { REMOVE_BATCH_MAX, REMOVE_DELAY_MS } from './limits.ts';
import { type SnapshotId, snapshotId } from './snapshot-record.ts';

const FS_MODE = 0o755;
const WORK_MODE = 0o711;
const REMOVED = /^removed-/;
const MOVED = /^(?:removed|lost)-(\d+)-[0-9a-f]+$/;
const ID = /^[1-9]\d*$/;

export type NewDirectory = {
  readonly id: SnapshotId;
  readonly isWritable: boolean;
  /** What the top directory takes its mode and owner from. */
  readonly likePath: string | undefined;
  /** Instead of the owner of `likePath`. */
  readonly owner: Owner | undefined;
};

/** What the records say when they are asked. */
export type KnownIds = {
  readonly recorded: ReadonlySet<number>;
  /** Their records were removed, and the directories may still be there. */
  readonly removed: ReadonlySet<number>;
};

export class SnapshotDirectories implements AsyncDisposable {
  readonly path: string;
  readonly #log: ServiceLog;
  /** Made, and not recorded yet. */
  readonly #pending = new Set<number>();
  readonly #closed = new AbortController();
  #deleting: Promise<void> = Promise.resolve();
  #discarded: string[] = [];
  #timer: NodeJS.Timeout | undefined;

  private constructor(path: string, log: ServiceLog) {
    this.path = path;
    this.#log = log;
  }

  /** @throws DirectoryError */
  static open(root: string, log: ServiceLog): SnapshotDirectories {
    // Each would end a path, or an option, in the options of an overlay mount.
    if (/[:,\\]/.test(root)) throw new DirectoryError(root, 'its name holds a ":", "," or "\\"');
    const path = join(root, 'snapshots');
    makePrivateDirectory(path);
    return new SnapshotDirectories(path, log);
  }

  directory(id: SnapshotId): string {
    return `${this.path}/${id}`;
  }

  upper(id: SnapshotId): string {
    return `${this.path}/${id}/fs`;
  }

  work(id: SnapshotId): string {
    return `${this.path}/${id}/work`;
  }

  /**
   * Makes the directory, runs `record`, and takes the directory away again when that fails.
   *
   * @throws SnapshotDirectoryError, StateDiskFullError, what `record` throws
   */
  async create<T>(wanted: NewDirectory, record: () => Promise<T>): Promise<T> {
    const { id } = wanted;
    this.#pending.add(id);
    try {
      const like = await this.#makeTop(wanted);
      try {
        await this.#fill(wanted, like);
        return await record();
      } catch (error) {
        await this.discard(id);
        throw error;
      }
    } catch (error) {
      throw this.#asOurs(error, id);
    } finally {
      this.#pending.delete(id);
    }
  }

  /** Never takes one that is there: an id is given once. */
  async #makeTop({ id, likePath }: NewDirectory): Promise<Stats | undefined> {
    const like = likePath === undefined ? undefined : await stat(likePath);
    await mkdir(this.directory(id), { mode: 0o700 });
    return like;
  }

  async #fill({ id, isWritable, owner }: NewDirectory, like: Stats | undefined): Promise<void> {
    await mkdir(this.upper(id));
    const top = owner ?? like;
    if (top !== undefined) await lchown(this.upper(id), top.uid, top.gid);
    // After the owner, whose change takes setuid bits away; and whatever the umask is.
    await chmod(this.upper(id), like === undefined ? FS_MODE : like.mode & 0o7777);
    if (isWritable) {
      await mkdir(this.work(id));
      await chmod(this.work(id), WORK_MODE);
    }
    await sync(this.directory(id));
    await sync(this.path);
  }

  #asOurs(error: unknown, id: SnapshotId): unknown {
    const known = orDiskFull(error, this.path);
    if (known instanceof ShoalError) return known;
    const detail = `it cannot be made: ${errorCode(error) ?? String(error)}`;
    return new SnapshotDirectoryError(this.directory(id), detail, { cause: error });
  }

  /**
   * Gone from its place at once; deleted in the background. False when it could not be moved: the
   * next sweep tries again.
   */
  async discard(id: SnapshotId): Promise<boolean> {
    const away = `${this.path}/removed-${id}-${randomBytes(4).toString('hex')}`;
    try {
      await rename(this.directory(id), away);
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return true;
      this.#log.warn({ id, ...errorFields(error) }, 'a directory was not moved away');
      return false;
    }
    this.#discarded.push(away);
    // Not at once: containers often go together, and each process takes time to start.
    this.#timer ??= setTimeout(() => void this.#deleteAll(), REMOVE_DELAY_MS).unref();
    return true;
  }

  /** The highest number a directory has, or had before it was moved away; 0 without any. */
  async highestId(): Promise<number> {
    const names = (await readdir(this.path)).map((name) => name.replace(MOVED, '$1'));
    return idsOf(names).reduce((highest, id) => Math.max(highest, id), 0);
  }

  /** Directories that hold files, are not recorded, and were not removed. */
  async unknown({ recorded, removed }: KnownIds): Promise<SnapshotId[]> {
    const unknown: SnapshotId[] = [];
    for (const id of idsOf(await readdir(this.path))) {
      if (recorded.has(id) || removed.has(id) || (await this.#isEmpty(id))) continue;
      unknown.push(id);
    }
    return unknown;
  }

  /** Keeps a directory under another name, which no sweep touches. */
  async setAside(id: SnapshotId): Promise<string> {
    const aside = `${this.path}/lost-${id}-${randomBytes(4).toString('hex')}`;
    await rename(this.directory(id), aside);
    return aside;
  }

  /**
   * Deletes what was removed or never recorded. Gives the ids that are gone for good.
   *
   * @param known asks the records, when it is called
   */
  async sweep(known: () => Promise<KnownIds>): Promise<SnapshotId[]> {
    const names = await readdir(this.path);
    // Before the records: what is recorded meanwhile is in one or the other.
    const pending = new Set(this.#pending);
    const { recorded, removed } = await known();
    for (const id of idsOf(names)) {
      if (pending.has(id) || recorded.has(id)) continue;
      if (!removed.has(id) && !(await this.#isEmpty(id))) {
        this.#log.error({ id }, 'a directory holds files, and no snapshot of that id is known');
      } else await this.discard(id);
    }
    // Looked at now: one that was removed meanwhile may not have been moved yet.
    const gone = [...removed].map(snapshotId).filter((id) => !existsSync(this.directory(id)));
    for (const name of names.filter((each) => REMOVED.test(each))) {
      const path = `${this.path}/${name}`;
      if (!this.#discarded.includes(path)) this.#discarded.push(path);
    }
    await this.#deleteAll();
    return gone;
  }

  /** What was never given to a client holds nothing. */
  async #isEmpty(id: SnapshotId): Promise<boolean> {
    try {
      return (await readdir(this.upper(id))).length === 0;
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return true;
      throw error;
    }
  }

  /** One process at a time, each with all that has come together. */
  #deleteAll(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#deleting = this.#deleting.then(async () => {
      while (this.#discarded.length > 0 && !this.#closed.signal.aborted) {
        await this.#delete(this.#discarded.splice(0, REMOVE_BATCH_MAX));
      }
    });
    return this.#deleting;
  }

  async #delete(paths: readonly string[]): Promise<void> {
    try {
      const args = ['-rf', '--one-file-system', '--', ...paths];
      const { exitCode } = await runTool('rm', args, { signal: this.#closed.signal });
      if (exitCode !== 0) this.#log.warn({ paths }, 'directories were not deleted completely');
    } catch (error) {
      if (this.#closed.signal.aborted) return;
      this.#log.warn({ paths, ...errorFields(error) }, 'directories were not deleted');
    }
  }

  /** What is left to delete is found by the next sweep. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#closed.abort();
    await this.#deleting;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function idsOf(names: readonly string[]): SnapshotId[] {
  return names.filter((name) => ID.test(name)).map((name) => snapshotId(Number(name)));
}

async function sync(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  await handle.sync().finally(() => handle.close());
}
