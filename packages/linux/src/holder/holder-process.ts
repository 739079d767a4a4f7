/**
 * The holder for hosts that refuse `pidfd_getfd`: it has the descriptors and hands copies out over a
 * unix socket, to its own user only. Started by `holder.ts` with descriptors 3, 4, ...; the listening
 * socket is the last of them. Arguments: how many descriptors there are to hand out.
 */
import { constants } from 'node:os';
import { closeFd } from '../syscalls.ts';
import { acceptRaw, peerUid, sendWithFds } from '../syscalls-socket.ts';
import { FIRST_FD } from './holder-record.ts';

const { EINTR, ECONNABORTED } = constants.errno;

const count = Number(process.argv[2]);
const fds = Array.from({ length: count }, (_, at) => FIRST_FD + at);
const listening = FIRST_FD + count;

function answer(connection: number): void {
  try {
    if (peerUid(connection) === process.getuid?.()) {
      sendWithFds(connection, Buffer.from(`${count}\n`), fds);
    }
  } catch {
    // Whoever asked has gone; the descriptors stay.
  } finally {
    closeFd(connection);
  }
}

for (;;) {
  const connection = acceptRaw(listening);
  if (connection >= 0) answer(connection);
  else if (connection !== -EINTR && connection !== -ECONNABORTED) process.exit(1);
}
