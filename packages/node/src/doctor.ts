/**
 * What this host can do for mounts, found by trying: every driver with its probes, which one
 * `auto` takes and why not a better one, and the limits a daemon runs under.
 */
import { existsSync, readFileSync, statfsSync } from 'node:fs';
import { release } from 'node:os';
import { dirname, join } from 'node:path';
import { ShoalError } from '@shoal/errors';
import type { Finding } from '@shoal/linux';
import { type DriverFacts, listDrivers } from '@shoal/snapshotter';
import { readConfig } from './config/config.ts';
import type { DaemonPaths } from './config/paths.ts';
import { type ContainerdReport, examineContainerd } from './containerd/examine-containerd.ts';
import { ControlClient } from './control/control-client.ts';
import type { PingAnswer } from './control/control-protocol.ts';

export type DoctorReport = {
  readonly kernel: string;
  readonly node: string;
  readonly daemon: PingAnswer | undefined;
  readonly drivers: readonly DriverFacts[];
  /** What `--driver auto` takes for an image that is not complete. */
  readonly picked: string | undefined;
  /** Drivers that are not taken, each with its reason. */
  readonly notPicked: readonly { readonly name: string; readonly reason: string }[];
  readonly facts: readonly Finding[];
  /** Absent: there is none here. */
  readonly containerd?: ContainerdReport | undefined;
  readonly isHealthy: boolean;
};

export type Examination = {
  /** Of containerd. @default its usual file, if it exists */
  readonly containerdConfig?: string | undefined;
};

const OPEN_FILES_WANTED = 8192;
const FREE_BYTES_WANTED = 512 << 20;

/** Later parts of Shoal bring these; the reader shall not look for them in vain. */
const ABSENT_DRIVERS = [
  { name: 'fanotify', reason: 'not part of this version' },
  { name: 'fuse', reason: 'not part of this version' },
] as const;

export async function examineHost(
  paths: DaemonPaths,
  { containerdConfig: configFile }: Examination = {},
): Promise<DoctorReport> {
  const { daemon, problem } = await askDaemon(paths.socket);
  const { address, complaint } = snapshotterAddress(paths, daemon?.configFile);
  const drivers = await listDrivers(nearestDirectory(paths.root));
  const picked = drivers.find(({ name, usable }) => name === 'blobfs' && usable);
  const notPicked = drivers
    .filter((driver) => driver !== picked)
    .map(({ name, usable, reason }) => ({
      name,
      reason: usable && name === 'complete' ? 'only for images whose every blob is here' : reason,
    }));
  const facts = [
    ...[openFilesFact(), directoryFact(paths.root), directoryFact(paths.run)],
    spaceFact(paths.root),
    ...[problem, complaint].filter((one) => one !== undefined),
  ];
  const containerd = await examineContainerd({ configFile, address, root: paths.root });
  const isContainerdRight = containerd?.isWanted !== true || containerd.isReady;
  return {
    kernel: release(),
    node: process.version,
    daemon,
    drivers,
    picked: picked?.name,
    notPicked: [...notPicked, ...ABSENT_DRIVERS],
    facts,
    containerd,
    isHealthy: picked !== undefined && facts.every(({ ok }) => ok) && isContainerdRight,
  };
}

type DaemonAnswer = {
  readonly daemon?: DoctorReport['daemon'];
  /** Why it is not known whether one runs, or that it does not answer. */
  readonly problem?: Finding;
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

type OwnAddress = {
  /** Where containerd connects. */
  readonly address: string;
  /** Why the configuration was not read. */
  readonly complaint?: Finding;
};

/** As the configuration has it: that of the daemon that runs, or the one that the next will read. */
function snapshotterAddress({ run }: DaemonPaths, configFile: string | undefined): OwnAddress {
  const usual = join(run, 'snapshotter.sock');
  try {
    return { address: readConfig(configFile).snapshotterAddress ?? usual };
  } catch (error) {
    if (!(error instanceof ShoalError)) throw error;
    const { message: detail, remedy } = error;
    return { address: usual, complaint: { name: 'configuration', ok: false, detail, remedy } };
  }
}

/** Node raises its soft limit to the hard one at start: the hard one is what counts. */
function openFilesFact(): Finding {
  const line = /^Max open files\s+(\S+)\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'));
  const hard = line?.[2] === 'unlimited' ? Number.POSITIVE_INFINITY : Number(line?.[2] ?? 0);
  return {
    name: 'open-files',
    ok: hard >= OPEN_FILES_WANTED,
    detail: `a process may open ${hard} files; every blob takes a few`,
    remedy: `raise the hard limit to ${OPEN_FILES_WANTED} (LimitNOFILE= of a systemd unit)`,
  };
}

function directoryFact(path: string): Finding {
  const there = existsSync(path);
  const parent = nearestDirectory(path);
  return {
    name: `directory ${path}`,
    ok: true,
    detail: there ? 'exists' : `will be created below ${parent}`,
  };
}

/** A full disk refuses new mounts; what is fetched is not kept. */
function spaceFact(root: string): Finding {
  const { bavail, bsize, blocks } = statfsSync(nearestDirectory(root));
  const freeBytes = bavail * bsize;
  const mebibytes = Math.floor(freeBytes / 2 ** 20);
  const percent = blocks === 0 ? 0 : Math.round((100 * bavail) / blocks);
  return {
    name: 'disk space',
    ok: freeBytes >= FREE_BYTES_WANTED,
    detail: `${mebibytes} MiB (${percent} %) are free for ${root}`,
    remedy: "make room, let 'shoal cache gc' do it, or give the daemon another --root",
  };
}

/** The path itself, or the first directory above it that exists. */
function nearestDirectory(path: string): string {
  return existsSync(path) || path === '/' ? path : nearestDirectory(dirname(path));
}
