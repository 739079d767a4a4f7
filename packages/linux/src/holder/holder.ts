/**
 * Holders: a process that does nothing but keep descriptors open while a daemon is away.
 *
 * It is the system's own `sleep`, with the descriptors inherited: a megabyte, nothing that can
 * crash, nothing to upgrade. Where this host does not let a successor copy descriptors out of it, a
 * process of ours that hands them out over a socket takes its place. Its environment says what it
 * is (`SHOAL_HOLDER`). It lives until `stopHolder`.
 */
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { HolderError, SyscallError } from '../errors.ts';
import { HOLDER_FDS_MAX } from '../limits.ts';
import { closeFd, pidfdOpen, pidfdSendSignal } from '../syscalls.ts';
import { bindUnixSocket, listenUnixSocket, openPipe, openUnixSocket } from '../syscalls-socket.ts';
import { adoptFromHolder, isHolderAlive } from './holder-fds.ts';
import { type LaunchedProcess, launchApart } from './holder-launch.ts';
import { FIRST_FD, type HolderKind, type HolderRecord } from './holder-record.ts';

const ENVIRONMENT_MARK = 'SHOAL_HOLDER';
/** 68 years; `infinity` is not understood by every `sleep`. */
const SECONDS = '2147483647';
const SOCKET_NAME = /^holder-[0-9a-f]{8}\.sock$/;
const HOLDER_PROCESS = fileURLToPath(new URL('./holder-process.ts', import.meta.url));
/** It runs one small loop for months. */
const NODE_OPTIONS = ['--max-old-space-size=32', '--max-semi-space-size=1', '--single-threaded'];

export type StartHolderOptions = {
  /** `auto` tries whether descriptors can be copied. @default 'auto' */
  readonly kind?: HolderKind | 'auto';
  /** Where a holder of the kind `socket` may have its socket: only root may enter. */
  readonly socketDirectory?: string;
};

/** Starts a holder of these descriptors. `purpose` finds it again with `listHolders`. */
export async function startHolder(
  fds: Readonly<Record<string, number>>,
  purpose: string,
  options: StartHolderOptions = {},
): Promise<HolderRecord> {
  const names = Object.keys(fds);
  if (names.length === 0 || names.length > HOLDER_FDS_MAX || purpose.includes('\0')) {
    throw new HolderError(`a holder of ${names.length} descriptors: 1 to ${HOLDER_FDS_MAX}`);
  }
  const { kind = 'auto', socketDirectory } = options;
  if (kind !== 'socket') {
    const holder = await startTraced(fds, purpose);
    const refusal = kind === 'auto' ? refusalOf(holder) : undefined;
    if (refusal === undefined) return holder;
    await stopHolder(holder);
    if (socketDirectory === undefined) throw refusal;
  }
  if (socketDirectory === undefined) throw new HolderError('a holder with a socket needs a place');
  return startWithSocket(fds, purpose, socketDirectory);
}

async function startTraced(
  fds: Readonly<Record<string, number>>,
  purpose: string,
): Promise<HolderRecord> {
  return launchHolder(['sleep', SECONDS], fds, purpose);
}

async function startWithSocket(
  fds: Readonly<Record<string, number>>,
  purpose: string,
  directory: string,
): Promise<HolderRecord> {
  const socket = join(directory, `holder-${randomBytes(4).toString('hex')}.sock`);
  const listening = openUnixSocket('stream');
  try {
    bindUnixSocket(listening, socket);
    listenUnixSocket(listening);
    // All descriptors and both ends of the life line.
    const count = String(Object.keys(fds).length + 1);
    const command = [process.execPath, ...NODE_OPTIONS, HOLDER_PROCESS, count];
    return { ...(await launchHolder(command, fds, purpose, listening)), socket };
  } catch (error) {
    rmSync(socket, { force: true });
    throw error;
  } finally {
    closeFd(listening);
  }
}

/** The process gets the descriptors, the life line's read end, `listening`, and its write end. */
async function launchHolder(
  command: readonly string[],
  fds: Readonly<Record<string, number>>,
  purpose: string,
  listening?: number,
): Promise<HolderRecord> {
  const names = Object.keys(fds);
  const life = openPipe();
  let launched: LaunchedProcess;
  try {
    const more = listening === undefined ? [] : [listening];
    launched = await launchApart(command, {
      fds: [...Object.values(fds), life.readFd, ...more, life.writeFd],
      env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', [ENVIRONMENT_MARK]: purpose },
    });
  } finally {
    closeFd(life.readFd);
    closeFd(life.writeFd);
  }
  return {
    ...launched,
    fds: Object.fromEntries(names.map((name, index) => [name, FIRST_FD + index])),
    lifeFd: FIRST_FD + names.length,
  };
}

/** Why a successor could not copy descriptors out of it; undefined when it can. */
function refusalOf(record: HolderRecord): HolderError | undefined {
  try {
    for (const fd of Object.values(adoptFromHolder(record))) closeFd(fd);
    return undefined;
  } catch (error) {
    if (error instanceof HolderError) return error;
    throw error;
  }
}

export function holderKind(record: HolderRecord): HolderKind {
  return record.socket === undefined ? 'traced' : 'socket';
}

const STOP_CHECK_MS = 2;
const STOP_WAIT_MS = 5000;

/** Ends a holder, and with it the connections whose last descriptors it kept. Idempotent. */
export async function stopHolder(record: HolderRecord): Promise<void> {
  if (record.socket !== undefined) rmSync(record.socket, { force: true });
  if (!isHolderAlive(record)) return;
  killExactly(record.pid, () => isHolderAlive(record));
  const endsAt = performance.now() + STOP_WAIT_MS;
  while (isHolderAlive(record) && performance.now() < endsAt) await sleep(STOP_CHECK_MS);
}

/** `isIt` looks at the process of that number: whoever else has it by now is left alone. */
function killExactly(pid: number, isIt: () => boolean): void {
  let pidfd: number | undefined;
  try {
    pidfd = pidfdOpen(pid);
    // After pidfd_open: from here on the pidfd means this process or none.
    if (isIt()) pidfdSendSignal(pidfd, constants.signals.SIGKILL);
  } catch (error) {
    const isGone = error instanceof SyscallError && error.errnoName === 'ESRCH';
    // Where the calls are refused, the number is all there is.
    if (!isGone && isIt()) kill(pid);
  } finally {
    if (pidfd !== undefined) closeFd(pidfd);
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

/** The running holders that were started for this purpose, also those nobody remembers. */
export function listHolders(purpose: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => isHolder(pid, purpose));
}

function isHolder(pid: number, purpose: string): boolean {
  try {
    const environment = readFileSync(`/proc/${pid}/environ`, 'utf8');
    return environment.split('\0').includes(`${ENVIRONMENT_MARK}=${purpose}`);
  } catch {
    return false;
  }
}

/** Ends every holder of this purpose but one: those a daemon started and died before recording. */
export function stopStrayHolders(
  purpose: string,
  options: { readonly keep?: HolderRecord | undefined; readonly socketDirectory?: string } = {},
): void {
  const { keep, socketDirectory } = options;
  for (const pid of listHolders(purpose)) {
    if (pid !== keep?.pid) killExactly(pid, () => isHolder(pid, purpose));
  }
  if (socketDirectory === undefined) return;
  for (const name of readdirSync(socketDirectory)) {
    const path = join(socketDirectory, name);
    if (SOCKET_NAME.test(name) && path !== keep?.socket) rmSync(path, { force: true });
  }
}
