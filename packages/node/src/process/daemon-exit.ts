/** How a detached daemon ends: its supervisor (supervisor.sh) decides by this whether to start another. */
import { errorCode } from '@shoal/errors';

export const DaemonExit = {
  /** Asked to: by a signal or by a command. */
  stopped: 0,
  /** A bug. */
  crashed: 1,
  /** It never was ready. */
  notStarted: 3,
  /** Another daemon serves, or has been asked to end meanwhile, so that this one is not needed. */
  another: 4,
} as const;

const ANOTHER: readonly (string | undefined)[] = [
  'ERR_SNAPSHOTTER_STATE_LOCKED',
  'ERR_NODE_ALREADY_RUNNING',
  'ERR_NODE_STOPPED_MEANWHILE',
];

/** Another command was faster: its daemon runs or is starting, and ours refused to be a second one. */
export function isAnotherThere(error: unknown): boolean {
  return ANOTHER.includes(errorCode(error));
}
