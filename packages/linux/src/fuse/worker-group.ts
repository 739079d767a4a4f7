/** The worker threads of a session: started together, told the same, replaced when they fail, stopped together. */
import { RestartPolicy } from './restart-policy.ts';
import { statsOf } from './session-stats.ts';
import type { SessionStats } from './session-types.ts';
import { WorkerHandle } from './worker-handle.ts';
import type { FromWorker, ToWorker, WorkerFile } from './worker-messages.ts';

export type WorkerGroupOptions = {
  readonly fuseFd: number;
  /** Every file of the session, for a thread that starts. */
  readonly files: () => readonly WorkerFile[];
  readonly onMessage: (from: WorkerHandle, message: FromWorker) => void;
  /** A thread ended without being told to; another one follows. */
  readonly onFailed: (failed: WorkerHandle, error: unknown, isTooMany: boolean) => void;
  /** The other one serves. */
  readonly onReplaced: () => void;
};

export class WorkerGroup {
  readonly #options: WorkerGroupOptions;
  readonly #restarts = new RestartPolicy();
  #workers: WorkerHandle[] = [];
  #isLeaving = false;

  constructor(options: WorkerGroupOptions) {
    this.#options = options;
  }

  /** Resolves when all of them serve. */
  async start(threads: number): Promise<void> {
    this.#workers = Array.from({ length: threads }, () => this.#spawn());
    await Promise.all(this.#workers.map((worker) => worker.started));
  }

  /** Resolves when all of them have done it. */
  async tellAll(message: (ticket: number) => ToWorker): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.request(message)));
  }

  stats(files: number): SessionStats {
    return statsOf(this.#workers, files);
  }

  /** From now on none is replaced. */
  leave(): void {
    this.#isLeaving = true;
  }

  /** Resolves when all have ended, or one takes too long: its device read hangs, and closing must not. */
  async stop(answerWaiting: boolean): Promise<void> {
    this.leave();
    await Promise.all(this.#workers.map((worker) => worker.stop(answerWaiting)));
  }

  get haveEnded(): boolean {
    return this.#workers.every((worker) => worker.hasEnded);
  }

  /** Resolves when the last thread has ended, however long that takes. */
  async ended(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.exited));
  }

  #spawn(): WorkerHandle {
    const { fuseFd, files, onMessage } = this.#options;
    return new WorkerHandle(fuseFd, files(), {
      message: onMessage,
      failed: (from, error) => this.#failed(from, error),
    });
  }

  #failed(failed: WorkerHandle, error: unknown): void {
    this.#workers = this.#workers.filter((worker) => worker !== failed);
    const { pauseMs, isTooMany } = this.#restarts.failed(performance.now());
    setTimeout(() => this.#replace(), pauseMs).unref();
    this.#options.onFailed(failed, error, isTooMany);
  }

  #replace(): void {
    if (this.#isLeaving) return;
    const replacement = this.#spawn();
    this.#workers.push(replacement);
    replacement.started.then(
      () => {
        if (!this.#isLeaving) this.#options.onReplaced();
      },
      () => undefined,
    );
  }
}
