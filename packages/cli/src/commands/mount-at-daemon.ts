/**
 * The conversation of `shoal mount` with the daemon: starts one if need be, shows what is fetched,
 * and takes the daemon away again when it was started for a mount that failed.
 */
import { existsSync, realpathSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode } from '@shoal/errors';
import type { ControlClient, DaemonPaths, FoundDaemon } from '@shoal/node/client';
import type { MountAnswer, MountRequest } from '@shoal/snapshotter';
import { ByteProgress } from '../byte-progress.ts';
import type { CliContext } from '../context.ts';
import { waitingLine } from '../daemon-options.ts';
import { UsageError } from '../errors.ts';

export type DaemonChoice = {
  readonly paths: DaemonPaths;
  readonly configFile: string | undefined;
  /** The caller named the root: it must be the daemon's. */
  readonly isRootChosen: boolean;
};

const PROGRESS_MS = 200;
/** A daemon that is just leaving is followed by another. */
const ATTEMPTS_MAX = 3;
const IS_LEAVING: readonly (string | undefined)[] = [
  'ERR_NODE_NOT_RUNNING',
  'ERR_SNAPSHOTTER_CLOSED',
];

export async function mountAtDaemon(
  request: MountRequest,
  choice: DaemonChoice,
  context: CliContext,
): Promise<MountAnswer> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await mountOnce(request, choice, context);
    } catch (error) {
      if (attempt >= ATTEMPTS_MAX || !IS_LEAVING.includes(errorCode(error))) throw error;
    }
    await sleep(PROGRESS_MS, undefined, { signal: context.signal });
  }
}

async function mountOnce(
  request: MountRequest,
  { paths, configFile, isRootChosen }: DaemonChoice,
  context: CliContext,
): Promise<MountAnswer> {
  const { findOrStartDaemon } = await import('@shoal/node/client');
  const { signal } = context;
  const onWait = waitingLine('mount', context);
  const found = await findOrStartDaemon({ paths, configFile, signal, onWait });
  try {
    if (isRootChosen) await requireRoot(found.client, paths);
    return await mountWithProgress(found.client, request, context);
  } catch (error) {
    await stopIfStarted(found);
    throw error;
  }
}

/** A daemon that was started for this mount alone has nothing to do; others may use it already. */
async function stopIfStarted({ client, isStarted }: FoundDaemon): Promise<void> {
  if (!isStarted) return;
  // The mount's own error is what the user must hear.
  await client.stop({ onlyIfIdle: true }).catch(() => undefined);
}

/** A daemon that runs already may keep its things elsewhere than the caller believes. */
async function requireRoot(client: ControlClient, paths: DaemonPaths): Promise<void> {
  const { root } = await client.ping();
  if (root === paths.root || realPathOf(root) === realPathOf(paths.root)) return;
  throw new UsageError(
    `the daemon at ${paths.run} keeps its things in ${root}, not ${paths.root}`,
    {
      remedy: 'leave --root and SHOAL_ROOT out, or give a second daemon its own --run',
    },
  );
}

function realPathOf(path: string): string {
  return existsSync(path) ? realpathSync(path) : path;
}

async function mountWithProgress(
  client: ControlClient,
  request: MountRequest,
  { signal, diagnostics }: CliContext,
): Promise<MountAnswer> {
  const done = new AbortController();
  await using progress = new ByteProgress(diagnostics, 'mount: fetched');
  const shown = showProgress(client, request, progress, done.signal);
  try {
    return await client.mount(request, { signal });
  } finally {
    done.abort();
    await shown;
  }
}

/** Asks the daemon now and then; that it does not answer is not this function's concern. */
async function showProgress(
  client: ControlClient,
  { mountpoint }: MountRequest,
  progress: ByteProgress,
  signal: AbortSignal,
): Promise<void> {
  let shownBytes = 0;
  try {
    for (;;) {
      await sleep(PROGRESS_MS, undefined, { signal });
      const running = await client.mounting({ signal });
      const own = running.find((mount) => mount.mountpoint === mountpoint);
      if (own === undefined) continue;
      progress.add(own.bytesFetched - shownBytes);
      shownBytes = own.bytesFetched;
    }
  } catch {
    // The mount has ended.
  }
}
