/**
 * Puts this version's daemon in the place of the one that runs. Mounts stay; readers of absent bytes
 * wait meanwhile. When the new daemon does not start, the old version's is started again.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode } from '@shoal/errors';
import { VERSION } from '@shoal/errors/version';
import { listMounts } from '@shoal/linux';
import { errorFields, mountsOfRoot } from '@shoal/snapshotter';
import type { DaemonPaths } from '../config/paths.ts';
import { ControlClient } from '../control/control-client.ts';
import type { PingAnswer } from '../control/control-protocol.ts';
import { UpgradeFailedError, UpgradeRefusedError } from '../errors.ts';
import { RESTART_TIMEOUT_MS } from '../limits.ts';
import { ensureDaemon, replaceDaemon } from '../process/start-daemon.ts';
import { forgetStartFailure, readStartFailure } from '../process/start-failure.ts';
import {
  currentLinkOf,
  linkTarget,
  ownHome,
  programOf,
  readCurrent,
  switchCurrent,
} from './installed-versions.ts';

export type UpgradeRequest = {
  readonly paths: DaemonPaths;
  readonly signal?: AbortSignal | undefined;
};

export type UpgradeAnswer = {
  /** Undefined when no daemon ran. */
  readonly from: string | undefined;
  readonly to: string;
  readonly pid: number | undefined;
  readonly mounts: number;
  /** How long no daemon answered. */
  readonly pauseMs: number;
};

const CHECK_MS = 20;

/** @throws UpgradeRefusedError before anything is changed; UpgradeFailedError when the old one runs again */
export async function upgradeToThis(request: UpgradeRequest): Promise<UpgradeAnswer> {
  const old = await pingOrNone(request);
  if (old === undefined) return startIfWaiting(request);
  if (old.startedBy === 'user') throw new UpgradeRefusedError(old.pid);
  return old.startedBy === 'service-manager'
    ? await throughManager(old, request)
    : await inItsPlace(old, request);
}

/** Nobody serves: whatever waits is taken over by this version. */
async function startIfWaiting({ paths, signal }: UpgradeRequest): Promise<UpgradeAnswer> {
  const mounts = mountsOfRoot(listMounts(), paths.root).length;
  const client = mounts === 0 ? undefined : await ensureDaemon({ paths, signal });
  pointToThis();
  const pid = client === undefined ? undefined : (await client.ping({ signal })).pid;
  return { from: undefined, to: VERSION, pid, mounts, pauseMs: 0 };
}

/** When nobody serves and mounts wait, this version does: the last resort of an upgrade. */
export async function takeOverWaiting(paths: DaemonPaths, signal: AbortSignal): Promise<void> {
  if ((await pingOrNone({ paths, signal })) === undefined) await startIfWaiting({ paths, signal });
}

/** The new daemon is loaded completely before it asks the old one to leave. */
async function inItsPlace(
  old: PingAnswer,
  { paths, signal }: UpgradeRequest,
): Promise<UpgradeAnswer> {
  const pause = measurePause(paths, old.pid);
  try {
    await replaceDaemon({ paths, configFile: old.configFile, signal });
  } catch (error) {
    const isBack = await oldRunsAgain(old, paths);
    throw new UpgradeFailedError(VERSION, errorFields(error).reason, isBack, { cause: error });
  } finally {
    pause.stop();
  }
  pointToThis();
  return answerOf(old, paths, await pause.ms);
}

/** The service manager starts what the link names whenever a daemon ends. */
async function throughManager(
  old: PingAnswer,
  { paths, signal }: UpgradeRequest,
): Promise<UpgradeAnswer> {
  const link = currentLinkOf(ownHome());
  const before = link === undefined ? undefined : readCurrent(link);
  if (link === undefined || before === undefined) throw new UpgradeRefusedError(old.pid, ownHome());
  const pause = measurePause(paths, old.pid);
  forgetStartFailure(paths.run);
  switchCurrent(link, linkTarget(ownHome()));
  try {
    await new ControlClient(paths.socket).stop({}, { signal });
    await untilManaged(old, paths);
  } catch (error) {
    switchCurrent(link, before);
    const isBack = await until(async () => (await pingOrNone({ paths })) !== undefined);
    throw new UpgradeFailedError(VERSION, errorFields(error).reason, isBack, { cause: error });
  } finally {
    pause.stop();
  }
  return answerOf(old, paths, await pause.ms);
}

/** Resolves when the service manager has started this version. */
async function untilManaged(old: PingAnswer, paths: DaemonPaths): Promise<void> {
  let failure: string | undefined;
  await until(async () => {
    const failed = readStartFailure(paths.run);
    if (failed?.version === VERSION) failure = failed.reason;
    const now = await pingOrNone({ paths });
    const isUp = now !== undefined && now.pid !== old.pid && now.version === VERSION;
    return isUp || failure !== undefined;
  });
  const now = await pingOrNone({ paths });
  if (now?.version === VERSION) return;
  throw new Error(failure ?? `no daemon of version ${VERSION} answers`);
}

async function answerOf(
  old: PingAnswer,
  paths: DaemonPaths,
  pauseMs: number,
): Promise<UpgradeAnswer> {
  const { daemon, mounts } = await new ControlClient(paths.socket).status();
  const { pid, version: to } = daemon;
  return { from: old.version, to, pid, mounts: mounts.length, pauseMs };
}

/** Its own program starts it, so that it is the very version that ran. */
async function oldRunsAgain(old: PingAnswer, paths: DaemonPaths): Promise<boolean> {
  // It may never have left: the new one failed before it asked.
  if ((await pingOrNone({ paths })) !== undefined) return true;
  if (old.home === undefined || !existsSync(programOf(old.home))) return false;
  const argv = ['upgrade', '--root', paths.root, '--run', paths.run];
  const child = spawn(programOf(old.home), argv, { stdio: 'ignore' });
  await new Promise((resolve) => child.once('close', resolve).once('error', resolve));
  return (await pingOrNone({ paths })) !== undefined;
}

async function pingOrNone({ paths, signal }: UpgradeRequest): Promise<PingAnswer | undefined> {
  try {
    return await new ControlClient(paths.socket).ping({ signal });
  } catch (error) {
    if (errorCode(error) === 'ERR_NODE_NOT_RUNNING') return undefined;
    throw error;
  }
}

function pointToThis(): void {
  const home = ownHome();
  const link = currentLinkOf(home);
  if (link !== undefined && readCurrent(link) !== linkTarget(home)) {
    switchCurrent(link, linkTarget(home));
  }
}

async function until(condition: () => Promise<boolean>): Promise<boolean> {
  const giveUpAt = performance.now() + RESTART_TIMEOUT_MS;
  while (performance.now() < giveUpAt) {
    if (await condition().catch(() => false)) return true;
    await sleep(CHECK_MS);
  }
  return false;
}

/** Looks at the socket all the time: the longest while in which the old one has gone and none answers. */
function measurePause(paths: DaemonPaths, oldPid: number): { ms: Promise<number>; stop(): void } {
  const stopped = new AbortController();
  const measure = async () => {
    let answeredAt = performance.now();
    for (;;) {
      const now = await pingOrNone({ paths }).catch(() => undefined);
      const at = performance.now();
      if (now !== undefined && now.pid !== oldPid) return at - answeredAt;
      if (now !== undefined) answeredAt = at;
      if (stopped.signal.aborted) return at - answeredAt;
      await sleep(CHECK_MS);
    }
  };
  return { ms: measure(), stop: () => stopped.abort() };
}
