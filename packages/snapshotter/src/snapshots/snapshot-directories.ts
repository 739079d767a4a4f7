/**
 * The directories of snapshots: `ROOT/snapshots/<id>/fs` is the layer (or the upper directory of a
 * container), `work` what overlayfs needs beside it. They are made before the record is written and
 * taken away after it is gone, by one rename; what a crash leaves has no record and is deleted later.
 */
import { randomBytes } from 'node:crypto';
import { chmod, lchown, mkdir, open, readdir, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '@shoal/errors';
import { orDiskFull } from '../disk-full.ts';
import { DirectoryError } from '../errors.ts';
import { makePrivateDirectory } from '../private-directory.ts';
import { errorFields, type ServiceLog } from '../service-log.ts';
import { runTool } from './child-tool.ts';
import { SnapshotDirectoryError } from './errors.ts';
import type { Owner } from './id-mapping.ts';
import { REMOVE_BATCH_MAX, REMOVE_DELAY_MS } from './limits.ts';
import type { SnapshotId } from './snapshot-record.ts';

const FS_MODE = 0o755;
const WORK_MODE = 0o711;
const REMOVED = /^removed-/;
const ID = /^[1-9]\d*$/;

export type NewDirectory = {
  readonly id: SnapshotId;
  readonly isWritable: boolean;
  /** What the top directory takes its mode and owner from. */
  readonly likePath: string | undefined;
  /** Instead of the owner of `likePath`. */
  readonly owner: Owner | undefined;
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
      await this.#make(wanted);
      return await record();
    } catch (error) {
      await this.discard(id);
      throw error;
    } finally {
      this.#pending.delete(id);
    }
  }

  async #make(wanted: NewDirectory): Promise<void> {
    const { id, isWritable, likePath } = wanted;
    const directory = this.directory(id);
    try {
      const like = likePath === undefined ? undefined : await stat(likePath);
      await mkdirAnew(directory, () => this.discard(id));
      await mkdir(this.upper(id));
      const owner = wanted.owner ?? like;
      if (owner !== undefined) await lchown(this.upper(id), owner.uid, owner.gid);
      // After the owner, whose change takes setuid bits away; and whatever the umask is.
      await chmod(this.upper(id), like === undefined ? FS_MODE : like.mode & 0o7777);
      if (isWritable) {
        await mkdir(this.work(id));
        await chmod(this.work(id), WORK_MODE);
      }
      await sync(directory);
      await sync(this.path);
    } catch (error) {
      const known = orDiskFull(error, this.path);
      if (known !== error) throw known;
      const detail = errorCode(error) ?? String(error);
      throw new SnapshotDirectoryError(directory, `it cannot be made: ${detail}`, { cause: error });
    }
  }

  /** Gone from its place at once; deleted in the background. Never fails: what stays is swept. */
  async discard(id: SnapshotId): Promise<void> {
    const away = `${this.path}/removed-${id}-${randomBytes(4).toString('hex')}`;
    try {
      await rename(this.directory(id), away);
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return;
      this.#log.warn({ id, ...errorFields(error) }, 'a directory was not moved away');
      return;
    }
    this.#discarded.push(away);
    // Not at once: containers often go together, and each process takes time to start.
    this.#timer ??= setTimeout(() => void this.#deleteAll(), REMOVE_DELAY_MS).unref();
  }

  /** Deletes what no record names; `ids` are those of all records, read when it is called. */
  async sweep(ids: () => Promise<ReadonlySet<number>>): Promise<void> {
    const names = await readdir(this.path);
    // Before the records: what is recorded meanwhile is in one or the other.
    const pending = new Set(this.#pending);
    const known = await ids();
    for (const name of names) {
      if (REMOVED.test(name)) {
        const path = `${this.path}/${name}`;
        if (!this.#discarded.includes(path)) this.#discarded.push(path);
      } else if (ID.test(name) && !pending.has(Number(name)) && !known.has(Number(name))) {
        await this.discard(Number(name) as SnapshotId);
      }
    }
    await this.#deleteAll();
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

/** What lies there belongs to no record: an id is given once, and recorded with its snapshot. */
async function mkdirAnew(path: string, clear: () => Promise<void>): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
    await clear();
    await mkdir(path, { mode: 0o700 });
  }
}

async function sync(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  await handle.sync().finally(() => handle.close());
}
