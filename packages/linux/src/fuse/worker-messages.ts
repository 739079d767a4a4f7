/**
 * What the main thread and the workers of a session tell each other.
 *
 * A worker sits in poll(2), so a message alone does not wake it: the sender posts, adds one to the
 * control counter and signals the worker's eventfd. The worker compares the counter on every turn,
 * because under load it never reaches poll. An eventfd that is signalled without a message says that
 * blocks are ready.
 */
import type { SessionEvent } from './session-types.ts';

/** Indexes of the control words (Int32, shared). */
export const Control = { messages: 0, leaveNow: 1 } as const;
export const CONTROL_WORDS = 2;

/** Indexes of the counters (Float64, shared, each written by its worker alone). */
export const Counter = {
  requests: 0,
  reads: 1,
  readyReads: 2,
  missReads: 3,
  failedReads: 4,
  bytesRead: 5,
  waiting: 6,
} as const;
export const COUNTERS = 7;

/** A file as a worker serves it: the descriptor is the process's. */
export type WorkerFile = {
  readonly fileId: number;
  readonly name: string;
  readonly sizeBytes: number;
  readonly fd: number;
  readonly readyMap: SharedArrayBuffer;
};

export type ToWorker =
  | { readonly kind: 'add'; readonly ticket: number; readonly file: WorkerFile }
  | { readonly kind: 'remove'; readonly ticket: number; readonly fileId: number }
  /** Answered when everything that was read of the device before is told. */
  | { readonly kind: 'settle'; readonly ticket: number }
  /** Whoever waits for this file gets EIO now. */
  | { readonly kind: 'fail-waiting'; readonly ticket: number; readonly fileId: number }
  /** The miss is over; without errno and bytes its blocks should be ready now. */
  | {
      readonly kind: 'miss-done';
      readonly missId: number;
      readonly errno: number;
      readonly bytes: Uint8Array | undefined;
    }
  | { readonly kind: 'stop'; readonly answerWaiting: boolean };

export type FromWorker =
  | { readonly kind: 'started' }
  | { readonly kind: 'done'; readonly ticket: number }
  | {
      readonly kind: 'miss';
      readonly missId: number;
      readonly fileId: number;
      readonly offset: number;
      readonly length: number;
    }
  /** Its reader was answered with an error: nobody waits for this miss any more. */
  | { readonly kind: 'miss-abandoned'; readonly missId: number }
  /** The kernel let go of these nodes: nobody has them open. */
  | { readonly kind: 'forgotten'; readonly fileIds: readonly number[] }
  | { readonly kind: 'event'; readonly event: SessionEvent };

export type WorkerStart = {
  readonly fuseFd: number;
  readonly eventFd: number;
  readonly control: SharedArrayBuffer;
  readonly counters: SharedArrayBuffer;
  readonly files: readonly WorkerFile[];
};
