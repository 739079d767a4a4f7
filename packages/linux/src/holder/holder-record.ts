/** What is known of a holder: a process that keeps descriptors open while a daemon is away. */

/** Number of the first descriptor inside every holder. */
export const FIRST_FD = 3;

/**
 * How a successor gets the descriptors: copied out of the holder (`pidfd_getfd`, needs the right to
 * trace it), or handed out by the holder over a unix socket (SCM_RIGHTS, a bigger process).
 */
export type HolderKind = 'traced' | 'socket';

/** What a successor needs to find the holder again. JSON-able. */
export type HolderRecord = {
  readonly pid: number;
  /** Start time from /proc/PID/stat in clock ticks: a reused pid has another one. */
  readonly startTime: string;
  /** Name of each descriptor and its number inside the holder. */
  readonly fds: Readonly<Record<string, number>>;
  /** Number of the pipe's read end whose only write end is the holder's: it ends with the holder. */
  readonly lifeFd: number;
  /** Where the holder hands its descriptors out; absent: they are copied. */
  readonly socket?: string | undefined;
};
