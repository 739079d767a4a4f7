/** The kernel side of a session: device, mount, INIT, and ending the connection. */
import { fstat, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { FuseSessionClosedError } from '../errors.ts';
import { FileSystemContext, mountAttributes } from '../mount/mount.ts';
import { closeFd, openFuseDevice, PollSet, readRaw, writeRaw } from '../syscalls.ts';
import { moveMount, UmountFlag, umount2 } from '../syscalls-mount.ts';
import { agreeOnInit, encodeInitReply } from './init.ts';
import { encodeResend } from './reply.ts';
import { decodeRequest } from './request.ts';
import type { InitAgreement } from './session-types.ts';

const fstatAsync = promisify(fstat);

/** The kernel's smallest allowed read buffer; INIT is far shorter. */
const INIT_BUFFER_BYTES = 8192;
/** INIT is queued by the mount itself, so it is there at once. */
const INIT_WAIT_MS = 10_000;

/** A fresh `/dev/fuse` descriptor and a detached mount that it serves. INIT is still to come. */
export function mountFuse(): { readonly fd: number; readonly mountFd: number } {
  const fd = openFuseDevice();
  try {
    const context = new FileSystemContext('fuse', 'the FUSE file system of the blobs');
    try {
      context.text('source', 'shoal');
      context.text('subtype', 'shoal');
      context.text('fd', String(fd));
      context.text('rootmode', '40000');
      context.text('user_id', '0');
      context.text('group_id', '0');
      context.flag('default_permissions');
      return { fd, mountFd: context.mount(mountAttributes({ readOnly: true, noexec: false })) };
    } finally {
      context.close();
    }
  } catch (error) {
    closeFd(fd);
    throw error;
  }
}

/** Answers INIT, the first request of a connection. */
export function handshake(fd: number): InitAgreement {
  const message = Buffer.alloc(INIT_BUFFER_BYTES);
  new PollSet([fd]).wait(INIT_WAIT_MS);
  const count = readRaw(fd, message);
  if (count <= 0) throw new FuseSessionClosedError(`the kernel sent no INIT (errno ${-count})`);
  const request = decodeRequest(message.subarray(0, count));
  const init = agreeOnInit(request);
  const sent = writeRaw(fd, encodeInitReply(request.unique, init));
  if (sent < 0) throw new FuseSessionClosedError(`the kernel refused INIT (errno ${-sent})`);
  return init;
}

/** Throws when the kernel has ended the connection behind this descriptor. */
export function assertConnected(fd: number): void {
  const poll = new PollSet([fd]);
  poll.wait(0);
  if (poll.hasError(0)) {
    throw new FuseSessionClosedError('the kernel has ended this FUSE connection');
  }
}

/**
 * Has every unanswered request sent again. Before Linux 6.9 the kernel says EINVAL: requests that
 * a dead server had read are then lost, and their readers wait until the connection ends.
 */
export function resendRequests(fd: number): { readonly supported: boolean } {
  return { supported: writeRaw(fd, encodeResend()) >= 0 };
}

/** The number of the connection in /sys/fs/fuse/connections. The session must be serving. */
export async function connectionNumber(mountFd: number): Promise<number> {
  const device = BigInt((await fstatAsync(mountFd)).dev);
  return Number((device & 0xffn) | ((device >> 12n) & 0xffff_ff00n));
}

/** Ends the connection at once; everybody who waits gets an error. False without fusectl. */
export function abortConnection(connection: number): boolean {
  try {
    writeFileSync(`/sys/fs/fuse/connections/${connection}/abort`, '1');
    return true;
  } catch {
    return false;
  }
}

export function attachMount(mountFd: number, mountpoint: string): void {
  moveMount(mountFd, mountpoint);
}

/** Takes an attached mount away; FORCE makes the kernel abort the connection. */
export function removeMount(mountpoint: string): void {
  try {
    umount2(mountpoint, UmountFlag.detach | UmountFlag.force | UmountFlag.noFollow);
  } catch {
    // Somebody else unmounted it: that is what was wanted.
  }
}
