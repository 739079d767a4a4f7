/**
 * Unix sockets that carry descriptors (SCM_RIGHTS) and pipes: cmsg(3), unix(7). Node's own sockets
 * can do neither datagrams nor descriptors. All calls are synchronous.
 *
 * The structures are those of 64-bit Linux, the same on every architecture Node runs on there.
 */
import { closeSync, openSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import koffi from 'koffi';
import { PASSED_FDS_MAX } from './limits.ts';
import { checked, rawResult } from './syscalls.ts';

const libc = koffi.load(null);
const INT = 'int';
const LONG = 'long';
const POINTER = 'void *';

const cSocket = libc.func('socket', INT, [INT, INT, INT]);
const cBind = libc.func('bind', INT, [INT, POINTER, 'uint']);
const cConnect = libc.func('connect', INT, [INT, POINTER, 'uint']);
const cListen = libc.func('listen', INT, [INT, INT]);
const cAccept = libc.func('accept4', INT, [INT, POINTER, POINTER, INT]);
const cGetsockopt = libc.func('getsockopt', INT, [INT, INT, INT, POINTER, POINTER]);
const cSendmsg = libc.func('sendmsg', LONG, [INT, POINTER, INT]);
const cRecvmsg = libc.func('recvmsg', LONG, [INT, POINTER, INT]);
const cPipe = libc.func('pipe2', INT, [POINTER, INT]);

const AF_UNIX = 1;
const SOCKET_TYPE = { stream: 1, datagram: 2 } as const;
const CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
const SCM_RIGHTS = 1;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x4000_0000;

const SUN_PATH_BYTES_MAX = 107;
const CMSG_HEADER_BYTES = 16;
const FD_BYTES = 4;
const IOVEC_BYTES = 16;
const BACKLOG = 16;
/** struct ucred: pid, uid, gid. */
const UCRED_BYTES = 12;
const UCRED_UID = 4;

/** struct msghdr, and where its fields are. */
const MSGHDR = { bytes: 56, iov: 16, iovCount: 24, control: 32, controlBytes: 40 } as const;

export function openUnixSocket(type: keyof typeof SOCKET_TYPE): number {
  return checked(cSocket(AF_UNIX, SOCKET_TYPE[type] | CLOEXEC, 0), 'socket', `unix ${type}`);
}

export function bindUnixSocket(fd: number, path: string): void {
  withAddress(path, (address) =>
    checked(cBind(fd, address, address.byteLength), 'bind', `to ${path}`),
  );
}

export function connectUnixSocket(fd: number, path: string): void {
  withAddress(path, (address) =>
    checked(cConnect(fd, address, address.byteLength), 'connect', `to ${path}`),
  );
}

export function listenUnixSocket(fd: number): void {
  checked(cListen(fd, BACKLOG), 'listen', '');
}

/** The next connection; waits for it. Raw: `-errno` when there is none. */
export function acceptRaw(fd: number): number {
  return rawResult(cAccept(fd, null, null, CLOEXEC));
}

/** User id of the process at the other end. */
export function peerUid(fd: number): number {
  const credentials = Buffer.alloc(UCRED_BYTES);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(UCRED_BYTES);
  const result = cGetsockopt(fd, SOL_SOCKET, SO_PEERCRED, credentials, length);
  checked(result, 'getsockopt', 'SO_PEERCRED');
  return credentials.readUInt32LE(UCRED_UID);
}

/** Sends bytes and copies of descriptors as one message over a connected socket. */
export function sendWithFds(fd: number, bytes: Uint8Array, fds: readonly number[]): void {
  if (fds.length > PASSED_FDS_MAX) throw new RangeError(`${fds.length} descriptors in a message`);
  const message = new Message(fds.length === 0 ? 0 : controlBytes(fds.length), bytes.byteLength);
  message.bytes.set(bytes);
  const { control } = message;
  if (fds.length > 0) {
    control.writeBigUInt64LE(BigInt(CMSG_HEADER_BYTES + fds.length * FD_BYTES), 0);
    control.writeInt32LE(SOL_SOCKET, 8);
    control.writeInt32LE(SCM_RIGHTS, 12);
  }
  fds.forEach((each, at) => {
    control.writeInt32LE(each, CMSG_HEADER_BYTES + at * FD_BYTES);
  });
  checked(cSendmsg(fd, message.memory, MSG_NOSIGNAL), 'sendmsg', `${fds.length} descriptors`);
}

export type ReceivedMessage = { readonly bytes: Buffer; readonly fds: readonly number[] };

/** One message with its descriptors, which are the caller's now; undefined when none has come. */
export function receiveWithFds(
  fd: number,
  bytesMax: number,
  options: { readonly wait: boolean },
): ReceivedMessage | undefined {
  const message = new Message(controlBytes(PASSED_FDS_MAX), bytesMax);
  const flags = MSG_CMSG_CLOEXEC | (options.wait ? 0 : MSG_DONTWAIT);
  const count = rawResult(cRecvmsg(fd, message.memory, flags));
  if (count < 0 && !options.wait) return undefined;
  checked(count, 'recvmsg', '');
  return { bytes: message.bytes.subarray(0, count), fds: decodeFds(message.controlFilled) };
}

/** Both ends of a pipe. */
export function openPipe(): { readonly readFd: number; readonly writeFd: number } {
  const ends = Buffer.alloc(2 * FD_BYTES);
  checked(cPipe(ends, CLOEXEC), 'pipe2', '');
  return { readFd: ends.readInt32LE(0), writeFd: ends.readInt32LE(FD_BYTES) };
}

function controlBytes(fdCount: number): number {
  return CMSG_HEADER_BYTES + Math.ceil((fdCount * FD_BYTES) / 8) * 8;
}

/** A message header, and what it points to, in one piece of memory: nothing can go away before it. */
class Message {
  readonly memory: Buffer;
  readonly control: Buffer;
  readonly bytes: Buffer;

  constructor(controlLength: number, bytesLength: number) {
    this.memory = Buffer.alloc(MSGHDR.bytes + IOVEC_BYTES + controlLength + bytesLength);
    const controlAt = MSGHDR.bytes + IOVEC_BYTES;
    this.control = this.memory.subarray(controlAt, controlAt + controlLength);
    this.bytes = this.memory.subarray(controlAt + controlLength);
    const start = BigInt(koffi.address(this.memory));
    const put = (value: bigint, at: number) => this.memory.writeBigUInt64LE(value, at);
    put(start + BigInt(MSGHDR.bytes), MSGHDR.iov);
    put(1n, MSGHDR.iovCount);
    put(start + BigInt(controlAt + controlLength), MSGHDR.bytes);
    put(BigInt(bytesLength), MSGHDR.bytes + 8);
    if (controlLength === 0) return;
    put(start + BigInt(controlAt), MSGHDR.control);
    put(BigInt(controlLength), MSGHDR.controlBytes);
  }

  /** Bytes of control data that the kernel filled in. */
  get controlFilled(): Buffer {
    return this.control.subarray(0, Number(this.memory.readBigUInt64LE(MSGHDR.controlBytes)));
  }
}

function decodeFds(control: Buffer): number[] {
  const fds: number[] = [];
  for (let at = 0; at + CMSG_HEADER_BYTES <= control.byteLength; ) {
    const length = Number(control.readBigUInt64LE(at));
    if (length < CMSG_HEADER_BYTES || at + length > control.byteLength) break;
    const isRights =
      control.readInt32LE(at + 8) === SOL_SOCKET && control.readInt32LE(at + 12) === SCM_RIGHTS;
    for (let from = at + CMSG_HEADER_BYTES; isRights && from < at + length; from += FD_BYTES) {
      fds.push(control.readInt32LE(from));
    }
    at += Math.ceil(length / 8) * 8;
  }
  return fds;
}

/**
 * Calls with a `sockaddr_un`. `@name` is an abstract socket; the directory of a path that does not
 * fit is opened and reached through /proc.
 */
function withAddress<T>(path: string, call: (address: Buffer) => T): T {
  if (Buffer.byteLength(path) <= SUN_PATH_BYTES_MAX) return call(encodeAddress(path));
  const directory = openSync(dirname(path), 'r');
  try {
    return call(encodeAddress(`/proc/self/fd/${directory}/${basename(path)}`));
  } finally {
    closeSync(directory);
  }
}

function encodeAddress(path: string): Buffer {
  const isAbstract = path.startsWith('@');
  const name = Buffer.from(isAbstract ? `\0${path.slice(1)}` : `${path}\0`);
  const family = Buffer.alloc(2);
  family.writeUInt16LE(AF_UNIX);
  return Buffer.concat([family, name]);
}
