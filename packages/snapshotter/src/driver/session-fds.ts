/**
 * The two descriptors of a FUSE session outside this process: in its holder, and in the store of
 * the service manager where there is one.
 */
import { closeSync } from 'node:fs';
import { adoptFromHolder, type FlatFuseSession } from '@shoal/linux';
import { DriverClosedError } from '../errors.ts';
import type { DriverEvent } from './session-log.ts';
import type { SessionState } from './session-state.ts';

/** Keeps descriptors by name for the next process of this service: a `ServiceManager`. */
export type FdStore = {
  keepFd(name: string, fd: number): void;
  forgetFd(name: string): void;
  takeFd(name: string): number | undefined;
  dropRest(): void;
};

type Stored = {
  readonly fdStore: FdStore | undefined;
  readonly report: (event: DriverEvent) => void;
};

type SessionFds = { readonly fuse: number; readonly mount: number };

const NAMES = ['fuse', 'mount'] as const;

function storedName(kind: (typeof NAMES)[number], sessionId: string): string {
  return `shoal-${kind}-${sessionId}`;
}

/** Has the session kept. Its holder keeps it as well, so that a failure is only worth a line. */
export function keepSession(
  { fd, mountFd }: FlatFuseSession,
  sessionId: string,
  { fdStore, report }: Stored,
): void {
  if (fdStore === undefined || mountFd === undefined) return;
  try {
    fdStore.keepFd(storedName('fuse', sessionId), fd);
    fdStore.keepFd(storedName('mount', sessionId), mountFd);
  } catch (error) {
    const message = 'the service manager does not keep the FUSE session; its holder does';
    report({ level: 'warn', message, error });
  }
}

export function forgetSession(sessionId: string, { fdStore, report }: Stored): void {
  try {
    for (const name of NAMES) fdStore?.forgetFd(storedName(name, sessionId));
  } catch (error) {
    const message = 'the service manager was not told that the FUSE session has ended';
    report({ level: 'warn', message, error });
  }
}

/** Whether the store handed it back at this start. Takes it: only for who starts no further. */
export function isSessionStored(sessionId: string, fdStore: FdStore | undefined): boolean {
  const fds = NAMES.map((name) => fdStore?.takeFd(storedName(name, sessionId)));
  for (const fd of fds) if (fd !== undefined) closeSync(fd);
  return fds.every((fd) => fd !== undefined);
}

/** From the holder or, when that is gone, from the store. @throws ERR_LINUX_HOLDER */
export function takeSessionFds(state: SessionState, { fdStore, report }: Stored): SessionFds {
  const [fuse, mount] = NAMES.map((name) => fdStore?.takeFd(storedName(name, state.sessionId)));
  fdStore?.dropRest();
  try {
    const held = adoptFromHolder(state.holder);
    for (const spare of [fuse, mount]) if (spare !== undefined) closeSync(spare);
    return { fuse: numberOf(held['fuse']), mount: numberOf(held['mount']) };
  } catch (error) {
    if (fuse === undefined || mount === undefined) throw error;
    const message = 'the holder is gone: the FUSE session comes from the service manager';
    report({ level: 'warn', message });
    return { fuse, mount };
  }
}

function numberOf(fd: number | undefined): number {
  if (fd !== undefined) return fd;
  throw new DriverClosedError('the record of the FUSE session lacks a descriptor');
}
