/** What a holder gives: copies of its descriptors, and the news of its end. */
import { Socket } from 'node:net';
import { HolderError } from '../errors.ts';
import { HOLDER_MESSAGE_BYTES_MAX } from '../limits.ts';
import { startTimeOf } from '../process-start-time.ts';
import { closeFd, PollSet, pidfdGetfd, pidfdOpen } from '../syscalls.ts';
import { connectUnixSocket, openUnixSocket, receiveWithFds } from '../syscalls-socket.ts';
import { FIRST_FD, type HolderRecord } from './holder-record.ts';

/** The holder answers in microseconds; on a machine that swaps it may take a while. */
const ANSWER_WAIT_MS = 10_000;

/** True while exactly this process runs. */
export function isHolderAlive(record: HolderRecord): boolean {
  return startTimeOf(record.pid) === record.startTime;
}

/** Copies of the holder's descriptors; the holder keeps its own. @throws HolderError */
export function adoptFromHolder(record: HolderRecord): Record<string, number> {
  const entries = Object.entries(record.fds);
  const fds = takeFds(record, [...entries.map(([, fd]) => fd)]);
  return Object.fromEntries(entries.map(([name], at) => [name, fds[at] ?? -1]));
}

/** Copies of descriptors by their numbers in the holder, in that order. @throws HolderError */
function takeFds(record: HolderRecord, wanted: readonly number[]): number[] {
  let pidfd: number;
  try {
    pidfd = pidfdOpen(record.pid);
  } catch (cause) {
    throw new HolderError(`the holder (pid ${record.pid}) is gone`, { cause });
  }
  try {
    // After pidfd_open: from here on the pidfd means this process or none.
    if (!isHolderAlive(record)) {
      throw new HolderError(`pid ${record.pid} is not the holder any more`);
    }
    return record.socket === undefined
      ? copyFds(pidfd, wanted)
      : askForFds(record, record.socket, wanted);
  } catch (error) {
    if (error instanceof HolderError) throw error;
    throw new HolderError(`cannot take the descriptors of the holder (pid ${record.pid})`, {
      cause: error,
      remedy:
        'pidfd_getfd needs the right to trace the holder: run as root, without seccomp limits',
    });
  } finally {
    closeFd(pidfd);
  }
}

function copyFds(pidfd: number, wanted: readonly number[]): number[] {
  const taken: number[] = [];
  try {
    for (const fd of wanted) taken.push(pidfdGetfd(pidfd, fd));
    return taken;
  } catch (error) {
    closeAll(taken);
    throw error;
  }
}

function askForFds(record: HolderRecord, path: string, wanted: readonly number[]): number[] {
  const socket = openUnixSocket('stream');
  try {
    connectUnixSocket(socket, path);
    const message = awaitMessage(socket);
    const fds = message?.fds ?? [];
    const taken = wanted.map((number) => fds[number - FIRST_FD]);
    closeAll(fds.filter((fd) => !taken.includes(fd)));
    const found = taken.filter((fd) => fd !== undefined);
    if (found.length === wanted.length) return found;
    closeAll(found);
    throw new HolderError(`the holder (pid ${record.pid}) does not hand out its descriptors`);
  } finally {
    closeFd(socket);
  }
}

/** Undefined when none came in time. A signal, such as that of a child's end, ends a poll early. */
function awaitMessage(socket: number): ReturnType<typeof receiveWithFds> {
  const poll = new PollSet([socket]);
  const endsAtMs = performance.now() + ANSWER_WAIT_MS;
  for (let leftMs = ANSWER_WAIT_MS; leftMs > 0; leftMs = endsAtMs - performance.now()) {
    poll.wait(Math.ceil(leftMs));
    const message = receiveWithFds(socket, HOLDER_MESSAGE_BYTES_MAX, { wait: false });
    if (message !== undefined) return message;
  }
  return undefined;
}

function closeAll(fds: readonly number[]): void {
  for (const fd of fds) closeFd(fd);
}

/**
 * Calls once, at once, when the holder is gone. Returns a function that ends watching. Node's event
 * loop cannot wait for a pidfd, so it waits for the end of a pipe that only the holder can write to.
 */
export function watchHolder(record: HolderRecord, onGone: () => void): () => void {
  let isWatching = true;
  const gone = () => {
    if (!isWatching) return;
    isWatching = false;
    onGone();
  };
  let life: Socket | undefined;
  try {
    const [fd] = takeFds(record, [record.lifeFd]);
    life = new Socket({ ...(fd === undefined ? {} : { fd }), readable: true, writable: false });
    life.once('close', gone).on('error', () => undefined);
    life.resume();
    life.unref();
  } catch {
    setImmediate(gone);
  }
  return () => {
    isWatching = false;
    life?.destroy();
  };
}
