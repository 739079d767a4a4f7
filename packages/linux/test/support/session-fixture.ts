/** A session over lazy devices whose misses a test can count, delay and fail. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { openFlatFuseSession } from '../../src/fuse/session.ts';
import type { FlatFuseSession, MissCall, SessionEvent } from '../../src/fuse/session-types.ts';
import { mountErofs } from '../../src/mount/mount.ts';
import { encodeTinyErofs, wholeDeviceFile } from '../../src/tiny-erofs.ts';
import { LazyDevice, workDirectory } from './fixtures.ts';

export const FIRST_FILE_ID = 10;

type OnMiss = (
  fileId: number,
  offset: number,
  length: number,
  call: MissCall,
) => Promise<Uint8Array | undefined>;

export type SessionFixture = {
  readonly directory: string;
  readonly session: FlatFuseSession;
  readonly devices: readonly LazyDevice[];
  readonly misses: { readonly fileId: number; readonly offset: number; readonly length: number }[];
  readonly events: SessionEvent[];
  /** What a miss does; fills the range unless replaced. */
  onMiss: OnMiss;
};

/** ETIMEDOUT for errors that say `timeout`, EIO for all others. */
function errnoOf(error: unknown): number {
  const isTimeout = error instanceof Error && error.message === 'timeout';
  return isTimeout ? constants.errno.ETIMEDOUT : constants.errno.EIO;
}

export async function openFixture(
  t: Test,
  sources: readonly { readonly content: number | Buffer; readonly sizeBytes: number }[],
  options: { readonly attached?: boolean } = {},
): Promise<SessionFixture> {
  const directory = workDirectory(t);
  const devices = sources.map(
    ({ content, sizeBytes }, index) =>
      new LazyDevice(join(directory, `device-${index}`), content, sizeBytes),
  );
  const mountpoint = join(directory, 'fuse');
  if (options.attached === true) mkdirSync(mountpoint, { mode: 0o700 });
  const misses: { fileId: number; offset: number; length: number }[] = [];
  const events: SessionEvent[] = [];
  const hooks = {
    onMiss: async (fileId: number, offset: number, length: number) => {
      devices[fileId - FIRST_FILE_ID]?.fill(offset, length);
      return undefined;
    },
  };
  const session = await openFlatFuseSession({
    onMiss: (fileId, offset, length, call) => {
      misses.push({ fileId, offset, length });
      const onMiss: OnMiss = hooks.onMiss;
      return onMiss(fileId, offset, length, call);
    },
    errnoOf,
    files: devices.map((device, index) => device.asFlatFile(FIRST_FILE_ID + index)),
    onEvent: (event) => events.push(event),
    ...(options.attached === true ? { mountpoint } : {}),
  });
  t.teardown(async () => {
    await session.close();
    for (const device of devices) device.close();
  });
  return Object.assign(hooks, { directory, session, devices, misses, events });
}

/** Mounts every device of the session as one program file. */
export function mountAbove(fixture: SessionFixture): string {
  const files = fixture.devices.map((device, index) =>
    wholeDeviceFile(`file-${index}`, 0o755, device.sizeBytes, index + 1),
  );
  const metadataFile = join(fixture.directory, 'metadata');
  const blocks = fixture.devices.map((device) => Math.ceil(device.sizeBytes / 4096));
  writeFileSync(metadataFile, encodeTinyErofs(files, blocks));
  const mountpoint = join(fixture.directory, 'erofs');
  mkdirSync(mountpoint);
  const devices = files.map((_, index) => fixture.session.pathOf(FIRST_FILE_ID + index));
  mountErofs({ metadataFile, devices, mountpoint });
  return mountpoint;
}
