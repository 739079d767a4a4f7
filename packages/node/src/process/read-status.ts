/** The status of a daemon, or what is known without one. */
import { errorCode } from '@shoal/errors';
import { listMounts } from '@shoal/linux/proc';
import { mountsOfRoot } from '@shoal/snapshotter/client';
import type { DaemonPaths } from '../config/paths.ts';
import { ControlClient, type ControlOptions } from '../control/control-client.ts';
import type { StatusAnswer } from '../control/control-protocol.ts';
import { MountsWaitError, StateHeldError } from '../errors.ts';
import { findStateHolder } from './state-holder.ts';

/**
 * @throws DaemonNotRunningError; MountsWaitError when there are mounts that no daemon serves;
 *   StateHeldError when a process has the state open, so that no other daemon could take them over
 */
export async function readStatus(
  paths: DaemonPaths,
  options: ControlOptions = {},
): Promise<StatusAnswer> {
  try {
    return await new ControlClient(paths.socket).status(options);
  } catch (error) {
    if (errorCode(error) !== 'ERR_NODE_NOT_RUNNING') throw error;
    const holder = findStateHolder(paths);
    if (holder !== undefined) throw new StateHeldError(paths, holder, { cause: error });
    const waiting = mountsOfRoot(listMounts(), paths.root);
    if (waiting.length === 0) throw error;
    throw new MountsWaitError(paths.socket, waiting, { cause: error });
  }
}
