/**
 * The main-thread half of a flat FUSE session: files, misses, workers, opening, adopting, closing.
 *
 * Never read a file of the session, or of a mount above it, synchronously in this thread: a miss
 * needs this thread's event loop.
 */
import { FlatFileError, FuseSessionClosedError, FuseWorkersError } from '../errors.ts';
import { FLAT_FILES_MAX, SESSION_THREADS_MAX } from '../limits.ts';
import { closeFd } from '../syscalls.ts';
import { openFlatFile } from './flat-file.ts';
import { ForgetWatch } from './forget-watch.ts';
import {
  abortConnection,
  assertConnected,
  attachMount,
  connectionNumber,
  handshake,
  mountFuse,
  removeMount,
  resendRequests,
} from './fuse-mount.ts';
import { MissRunner } from './miss-runner.ts';
import type {
  AdoptSessionOptions,
  FlatFile,
  FlatFuseSession,
  FlatSessionOptions,
  InitAgreement,
  OpenSessionOptions,
  SessionEvent,
  SessionStats,
} from './session-types.ts';
import { WorkerGroup } from './worker-group.ts';
import type { WorkerHandle } from './worker-handle.ts';
import type { FromWorker, WorkerFile } from './worker-messages.ts';

const THREADS_DEFAULT = 2;

type Connection = {
  readonly fd: number;
  readonly mountFd: number | undefined;
  readonly mountpoint: string | undefined;
  readonly init: InitAgreement;
};

class Session implements FlatFuseSession {
  readonly fd: number;
  readonly mountFd: number | undefined;
  readonly init: InitAgreement;
  readonly #mountpoint: string | undefined;
  readonly #threads: number;
  readonly #onEvent: (event: SessionEvent) => void;
  readonly #files = new Map<number, WorkerFile>();
  readonly #misses: MissRunner;
  readonly #forgets: ForgetWatch;
  readonly #workers: WorkerGroup;
  #connection: number | undefined;
  #ending: Promise<void> | undefined;
  #saidDisconnected = false;

  constructor(connection: Connection, options: FlatSessionOptions) {
    this.fd = connection.fd;
    this.mountFd = connection.mountFd;
    this.init = connection.init;
    this.#mountpoint = connection.mountpoint;
    this.#threads = threadCount(options);
    this.#onEvent = options.onEvent ?? (() => undefined);
    this.#misses = new MissRunner(options, this.#onEvent);
    this.#forgets = new ForgetWatch({
      fuseFd: this.fd,
      pathOf: (fileId) => this.pathOf(fileId),
      settle: () => this.#workers.tellAll((ticket) => ({ kind: 'settle', ticket })),
    });
    this.#workers = new WorkerGroup({
      fuseFd: this.fd,
      files: () => [...this.#files.values()],
      onMessage: (from, message) => this.#onMessage(from, message),
      onFailed: (failed, error, isTooMany) => this.#onWorkerFailed(failed, error, isTooMany),
      onReplaced: () => {
        resendRequests(this.fd);
        void this.#forgets.askAgain();
      },
    });
  }

  /** Serves; when it adopts, unanswered requests come again only after every worker knows all files. */
  async start(files: readonly FlatFile[], adopts: boolean): Promise<void> {
    try {
      if (adopts) assertConnected(this.fd);
      for (const file of files) this.#open(file);
      await this.#workers.start(this.#threads).catch((cause: unknown) => {
        throw new FuseWorkersError({ cause });
      });
      if (adopts) resendRequests(this.fd);
      if (this.mountFd !== undefined) this.#connection = await connectionNumber(this.mountFd);
    } catch (error) {
      await (adopts ? this.detach() : this.close());
      throw error;
    }
  }

  async addFile(file: FlatFile): Promise<void> {
    this.#assertOpen();
    const opened = this.#open(file);
    await this.#workers.tellAll((ticket) => ({ kind: 'add', ticket, file: opened }));
  }

  async replaceFile(file: FlatFile): Promise<void> {
    this.#assertOpen();
    const before = this.#files.get(file.fileId);
    if (before?.name !== file.name || before.sizeBytes !== file.sizeBytes) {
      throw new FlatFileError(
        `${file.path}: no file ${file.fileId} of this name and size to replace`,
      );
    }
    const opened = openFlatFile(file);
    this.#files.set(file.fileId, opened);
    await this.#workers.tellAll((ticket) => ({ kind: 'add', ticket, file: opened }));
    closeFd(before.fd);
  }

  async removeFile(fileId: number): Promise<void> {
    this.#assertOpen();
    const file = this.#files.get(fileId);
    if (file === undefined) return;
    this.#files.delete(fileId);
    await this.#workers.tellAll((ticket) => ({ kind: 'remove', ticket, fileId }));
    closeFd(file.fd);
  }

  async untilClosed(fileId: number): Promise<void> {
    this.#assertOpen();
    const file = this.#files.get(fileId);
    if (file !== undefined) await this.#forgets.untilForgotten(fileId, file.name);
  }

  async failWaiting(fileId: number): Promise<void> {
    this.#assertOpen();
    await this.#workers.tellAll((ticket) => ({ kind: 'fail-waiting', ticket, fileId }));
  }

  pathOf(fileId: number): string {
    const file = this.#files.get(fileId);
    if (file === undefined) throw new FlatFileError(`the session has no file ${fileId}`);
    return `${this.#mountpoint ?? `/proc/self/fd/${this.mountFd}`}/${file.name}`;
  }

  stats(): SessionStats {
    return this.#workers.stats(this.#files.size);
  }

  detach(): Promise<void> {
    this.#ending ??= this.#end(false);
    return this.#ending;
  }

  close(): Promise<void> {
    this.#ending ??= this.#end(true);
    return this.#ending;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #end(final: boolean): Promise<void> {
    this.#workers.leave();
    await Promise.resolve();
    this.#misses.close();
    this.#forgets.close();
    await this.#workers.stop(final);
    if (final && this.#connection !== undefined) abortConnection(this.#connection);
    if (final && this.#mountpoint !== undefined) removeMount(this.#mountpoint);
    // A thread that hangs would answer into whatever has the descriptor's number by then.
    if (this.#workers.haveEnded) this.#closeDescriptors();
    else void this.#workers.ended().then(() => this.#closeDescriptors());
  }

  #closeDescriptors(): void {
    closeFd(this.fd);
    if (this.mountFd !== undefined) closeFd(this.mountFd);
    for (const file of this.#files.values()) closeFd(file.fd);
    this.#files.clear();
  }

  #assertOpen(): void {
    if (this.#ending !== undefined) throw new FuseSessionClosedError('the FUSE session is closed');
  }

  #open(file: FlatFile): WorkerFile {
    if (this.#files.has(file.fileId)) {
      throw new FlatFileError(`${file.path}: node id ${file.fileId} is already served`);
    }
    if (this.#files.size >= FLAT_FILES_MAX) {
      throw new FlatFileError(`${file.path}: ${FLAT_FILES_MAX} files are served already`);
    }
    const opened = openFlatFile(file);
    this.#files.set(file.fileId, opened);
    return opened;
  }

  #onMessage(from: WorkerHandle, message: FromWorker): void {
    switch (message.kind) {
      case 'miss':
        this.#misses.start(from, message);
        break;
      case 'miss-abandoned':
        this.#misses.abandon(from, message.missId);
        break;
      case 'forgotten':
        for (const fileId of message.fileIds) this.#forgets.forgotten(fileId);
        break;
      case 'event':
        this.#report(message.event);
        break;
    }
  }

  #report(event: SessionEvent): void {
    if (event.kind === 'disconnected') {
      if (this.#saidDisconnected || this.#ending !== undefined) return;
      this.#saidDisconnected = true;
    }
    this.#onEvent(event);
  }

  /** What it had in hand is sent again by the kernel when another one has taken its place. */
  #onWorkerFailed(failed: WorkerHandle, error: unknown, isTooMany: boolean): void {
    this.#onEvent({ kind: 'worker-failed', error });
    this.#misses.abandonAll(failed);
    if (isTooMany) this.#report({ kind: 'workers-keep-failing', error });
  }
}

function threadCount(options: FlatSessionOptions): number {
  const threads = options.threads ?? THREADS_DEFAULT;
  if (Number.isInteger(threads) && threads >= 1 && threads <= SESSION_THREADS_MAX) return threads;
  throw new FlatFileError(`${threads} FUSE threads: 1 to ${SESSION_THREADS_MAX} are possible`);
}

/** Mounts a new file system and serves it. */
export async function openFlatFuseSession(options: OpenSessionOptions): Promise<FlatFuseSession> {
  threadCount(options);
  const { fd, mountFd } = mountFuse();
  const { mountpoint } = options;
  let session: Session;
  try {
    const init = handshake(fd);
    session = new Session({ fd, mountFd, mountpoint, init }, options);
    if (mountpoint !== undefined) attachMount(mountFd, mountpoint);
  } catch (error) {
    closeFd(fd);
    closeFd(mountFd);
    throw error;
  }
  await session.start(options.files ?? [], false);
  return session;
}

/** Goes on where a dead or detached session stopped. Needs all files that mounts may read. */
export async function adoptFlatFuseSession(options: AdoptSessionOptions): Promise<FlatFuseSession> {
  const { fd, init, mount } = options;
  const mountFd = 'fd' in mount ? mount.fd : undefined;
  const mountpoint = 'fd' in mount ? undefined : mount.mountpoint;
  const session = new Session({ fd, mountFd, mountpoint, init }, options);
  await session.start(options.files ?? [], true);
  return session;
}
