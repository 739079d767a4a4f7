/** A path to listen at: what a dead process left there is removed, what is in use is not. */
import { lstatSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { errorCode, shellWord } from '@shoal/errors';
import { SnapshotSocketError } from './errors.ts';
import { SOCKET_PATH_BYTES_MAX } from './limits.ts';

/** @throws SnapshotSocketError */
export async function freeSocketPath(path: string): Promise<void> {
  if (!path.startsWith('/')) throw new SnapshotSocketError(path, 'the path is not absolute');
  if (Buffer.byteLength(path) > SOCKET_PATH_BYTES_MAX) {
    throw new SnapshotSocketError(path, `the path is longer than ${SOCKET_PATH_BYTES_MAX} bytes`);
  }
  requireDirectory(path);
  const facts = lstatSync(path, { throwIfNoEntry: false });
  if (facts === undefined) return;
  if (!facts.isSocket()) throw new SnapshotSocketError(path, 'it is there and is not a socket');
  if (await isListening(path)) throw new SnapshotSocketError(path, 'another process listens there');
  rmSync(path, { force: true });
}

function requireDirectory(path: string): void {
  const directory = dirname(path);
  try {
    if (lstatSync(directory).isDirectory()) return;
  } catch (error) {
    const detail = `${directory}: ${errorCode(error) ?? String(error)}`;
    throw new SnapshotSocketError(path, detail, {
      cause: error,
      remedy: `mkdir -p ${shellWord(directory)}, or give another --address`,
    });
  }
  throw new SnapshotSocketError(path, `${directory} is not a directory`);
}

async function isListening(path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(path);
  socket.once('connect', () => resolve(true));
  // A full backlog (EAGAIN) is somebody, too.
  socket.once('error', (error) => {
    resolve(!['ECONNREFUSED', 'ENOENT'].includes(errorCode(error) ?? ''));
  });
  return promise.finally(() => socket.destroy());
}
