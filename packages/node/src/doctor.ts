/**
 * What this host can do for mounts, found by trying: every driver with its probes, which one
 * `auto` takes and why not a better one, and the limits a daemon runs under.
 */
import { existsSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { dirname } from 'node:path';
import { ShoalError } from '@shoal/errors';
import { type DriverFacts, listDrivers } from '@shoal/snapshotter';
import { ControlClient } from './control-client.ts';
import type { PingAnswer } from './control-protocol.ts';
import type { DaemonPaths } from './paths.ts';

export type DoctorFact = {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
  readonly remedy?: string | undefined;
};

export type DoctorReport = {
  readonly kernel: string;
  readonly node: string;
  readonly daemon: PingAnswer | undefined;
  readonly drivers: readonly DriverFacts[];
  /** What `--driver auto` takes for an image that is not complete. */
  readonly picked: string | undefined;
  /** Drivers that are not taken, each with its reason. */
  readonly notPicked: readonly { readonly name: string; readonly reason: string }[];
  readonly facts: readonly DoctorFact[];
  readonly isHealthy: boolean;
};

const OPEN_FILES_WANTED = 8192;

/** Later parts of Shoal bring these; the reader shall not look for them in vain. */
const ABSENT_DRIVERS = [
  { name: 'fanotify', reason: 'not part of this version' },
  { name: 'fuse', reason: 'not part of this version' },
] as const;

export async function examineHost(paths: DaemonPaths): Promise<DoctorReport> {
  const { daemon, problem } = await askDaemon(paths.socket);
  const drivers = await listDrivers(nearestDirectory(paths.root));
  const picked = drivers.find(({ name, usable }) => name === 'blobfs' && usable);
  const notPicked = drivers
    .filter((driver) => driver !== picked)
    .map(({ name, usable, reason }) => ({
      name,
      reason: usable && name === 'complete' ? 'only for images whose every blob is here' : reason,
    }));
  const facts = [openFilesFact(), userFact(), directoryFact(paths.root), directoryFact(paths.run)];
  if (problem !== undefined) facts.push(problem);
  return {
    kernel: release(),
    node: process.version,
    daemon,
    drivers,
    picked: picked?.name,
    notPicked: [...notPicked, ...ABSENT_DRIVERS],
    facts,
    isHealthy: picked !== undefined && facts.every(({ ok }) => ok),
  };
}

type DaemonAnswer = {
  readonly daemon?: DoctorReport['daemon'];
  /** Why it is not known whether one runs, or that it does not answer. */
  readonly problem?: DoctorFact;
};

async function askDaemon(socket: string): Promise<DaemonAnswer> {
  try {
    return { daemon: await new ControlClient(socket).ping() };
  } catch (error) {
    if (!(error instanceof ShoalError)) throw error;
    if (error.code === 'ERR_NODE_NOT_RUNNING') return {};
    const { message, remedy = 'see the log of the daemon' } = error;
    return { problem: { name: 'daemon', ok: false, detail: message, remedy } };
  }
}

/** Node raises its soft limit to the hard one at start: the hard one is what counts. */
function openFilesFact(): DoctorFact {
  const line = /^Max open files\s+(\S+)\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'));
  const hard = line?.[2] === 'unlimited' ? Number.POSITIVE_INFINITY : Number(line?.[2] ?? 0);
  return {
    name: 'open-files',
    ok: hard >= OPEN_FILES_WANTED,
    detail: `a process may open ${hard} files; every blob takes a few`,
    remedy: `raise the hard limit to ${OPEN_FILES_WANTED} (LimitNOFILE= of a systemd unit)`,
  };
}

function userFact(): DoctorFact {
  const uid = process.getuid?.();
  return {
    name: 'root',
    ok: uid === 0,
    detail: uid === 0 ? 'this command runs as root' : `this command runs as user ${uid}`,
    remedy: 'mounting needs root: run it as root',
  };
}

function directoryFact(path: string): DoctorFact {
  const there = existsSync(path);
  const parent = nearestDirectory(path);
  return {
    name: `directory ${path}`,
    ok: true,
    detail: there ? 'exists' : `will be created below ${parent}`,
  };
}

/** The path itself, or the first directory above it that exists. */
function nearestDirectory(path: string): string {
  return existsSync(path) || path === '/' ? path : nearestDirectory(dirname(path));
}
