/**
 * The listening socket for containerd, which outlives the daemon: connections that are made while none
 * runs wait in its backlog, and the next daemon answers them. Under a service manager it is in its store;
 * else a *holder* process has it, as another one has the FUSE session. A record beside says which socket
 * that is: one whose file was removed or replaced is given up.
 */
import { closeSync, lstatSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  adoptFromHolder,
  type HolderRecord,
  listHolders,
  startHolder,
  stopHolder,
  stopStrayHolders,
} from '@shoal/linux';
import { bindUnixSocket, listenUnixSocket, openUnixSocket } from '@shoal/linux/syscalls-socket';
import * as z from 'zod';
import type { FdStore } from '../driver/session-fds.ts';
import { HOLDER_END_MS_MAX } from '../limits.ts';
import { errorFields, type ServiceLog } from '../service-log.ts';
import { currentBootId } from '../state/boot-id.ts';
import {
  bootIdSchema,
  holderSchema,
  readBootRecord,
  writeBootRecord,
} from '../state/boot-record.ts';
import { makePrivateDirectory } from '../state/private-directory.ts';
import { SnapshotSocketError } from './errors.ts';
import { freeSocketPath } from './unix-socket.ts';

export type KeptListenerOptions = {
  readonly path: string;
  /** For the record; only root may enter. */
  readonly stateDirectory: string;
  /** The service manager's, where one started the daemon. */
  readonly fdStore?: FdStore | undefined;
  readonly log: ServiceLog;
};

const NAME = 'shoal-listener';
const RECORD = 'listener.json';

const schema = z.strictObject({
  bootId: bootIdSchema,
  path: z.string().max(4096),
  /** Device and inode of the socket's file. */
  file: z.string().max(64),
  holder: holderSchema(NAME).optional(),
});
type ListenerRecord = Readonly<z.infer<typeof schema>>;

export class KeptListener implements AsyncDisposable {
  /** Listens; for the server that accepts, which closes it. */
  readonly fd: number;
  readonly #options: KeptListenerOptions;
  /** The socket's file, which another daemon may have replaced when this one leaves. */
  readonly #file: string | undefined;
  #holder: HolderRecord | undefined;
  #keeping: Promise<void> = Promise.resolve();
  #isLeft = false;
  #isGivenUp = false;
  #closing: Promise<void> | undefined;

  private constructor(fd: number, holder: HolderRecord | undefined, options: KeptListenerOptions) {
    this.fd = fd;
    this.#holder = holder;
    this.#options = options;
    this.#file = fileAt(options.path);
  }

  /** Of the last daemon where it left one. Only for who has the state. @throws SnapshotSocketError, DirectoryError */
  static async open(options: KeptListenerOptions): Promise<KeptListener> {
    makePrivateDirectory(options.stateDirectory);
    const left = takeLeft(options);
    if (left !== undefined) return new KeptListener(left.fd, left.holder, options);
    await endStrayHolders(options.stateDirectory);
    // Whoever has it still, such as the store of a unit that is stopped, is no daemon: we have the state.
    if (isOurs(readRecord(options.stateDirectory), options.path)) rmSync(options.path);
    await freeSocketPath(options.path);
    return new KeptListener(listenAt(options.path), undefined, options);
  }

  /** Has it outlive this process from now on; a failure is only worth a line. */
  keep(): Promise<void> {
    this.#keeping = this.#keep().catch((error: unknown) => {
      const { log, path } = this.#options;
      const fields = { address: path, ...errorFields(error) };
      log.warn(fields, 'while no daemon runs containerd will be refused');
    });
    return this.#keeping;
  }

  async #keep(): Promise<void> {
    const { fdStore, path, stateDirectory } = this.#options;
    if (fdStore === undefined) {
      this.#holder ??= await startHolder({ [NAME]: this.fd }, stateDirectory);
    } else {
      fdStore.keepFd(NAME, this.fd);
      if (this.#holder !== undefined) await stopHolder(this.#holder);
      this.#holder = undefined;
      // What starts and stops the daemon decides what becomes of it.
      this.#isLeft = true;
    }
    writeRecord(stateDirectory, path, this.#holder);
  }

  /** Another daemon takes this one's place: closing leaves the socket to it. */
  leave(): void {
    this.#isLeft = true;
  }

  /** No other daemon is expected: closing takes the socket away whatever was said before. */
  giveUp(): void {
    this.#isGivenUp = true;
  }

  /** Resolves when nothing uses `fd` any more but the server. */
  async settled(): Promise<void> {
    await this.#keeping;
  }

  /** After the server. Nobody is kept waiting for a daemon that may never come. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.settled();
    if (this.#isLeft && !this.#isGivenUp) return;
    const { path, stateDirectory, fdStore } = this.#options;
    if (this.#file !== undefined && fileAt(path) === this.#file) rmSync(path, { force: true });
    rmSync(join(stateDirectory, RECORD), { force: true });
    if (this.#holder !== undefined) await stopHolder(this.#holder);
    fdStore?.forgetFd(NAME);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** Undefined when there is none that can be used: then nobody waits at it any more either. */
function takeLeft({
  path,
  stateDirectory,
  fdStore,
}: KeptListenerOptions): { fd: number; holder: HolderRecord | undefined } | undefined {
  const record = readRecord(stateDirectory);
  const stored = fdStore?.takeFd(NAME);
  if (record !== undefined && isOurs(record, path)) {
    if (stored !== undefined) return { fd: stored, holder: record.holder };
    const held = record.holder === undefined ? undefined : takeHeld(record.holder);
    if (held !== undefined) return { fd: held, holder: record.holder };
  }
  if (stored !== undefined) {
    closeSync(stored);
    fdStore?.forgetFd(NAME);
  }
  return undefined;
}

/** Until they have ended somebody seems to listen. */
async function endStrayHolders(stateDirectory: string): Promise<void> {
  stopStrayHolders(stateDirectory);
  const giveUpAt = performance.now() + HOLDER_END_MS_MAX;
  while (listHolders(stateDirectory).length > 0 && performance.now() < giveUpAt) await sleep(2);
}

function isOurs(record: ListenerRecord | undefined, path: string): boolean {
  return record?.path === path && record.file === fileAt(path);
}

function takeHeld(holder: HolderRecord): number | undefined {
  try {
    return adoptFromHolder(holder)[NAME];
  } catch {
    // It has ended, and the socket with it.
    return undefined;
  }
}

function listenAt(path: string): number {
  const fd = openUnixSocket('stream');
  const umask = process.umask(0o177);
  try {
    bindUnixSocket(fd, path);
    listenUnixSocket(fd);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw new SnapshotSocketError(path, errorFields(error).reason, { cause: error });
  } finally {
    process.umask(umask);
  }
}

function fileAt(path: string): string | undefined {
  const facts = lstatSync(path, { throwIfNoEntry: false });
  return facts?.isSocket() === true ? `${facts.dev} ${facts.ino}` : undefined;
}

function readRecord(directory: string): ListenerRecord | undefined {
  return readBootRecord(join(directory, RECORD), schema);
}

function writeRecord(directory: string, socket: string, holder: HolderRecord | undefined): void {
  const record = { bootId: currentBootId(), path: socket, file: fileAt(socket), holder };
  writeBootRecord(join(directory, RECORD), record);
}
