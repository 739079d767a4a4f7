/** Runs `onMiss` for the workers and tells them how it ended. */
import { constants } from 'node:os';
import type { FlatSessionOptions, MissCall, SessionEvent } from './session-types.ts';
import type { WorkerHandle } from './worker-handle.ts';

type Miss = {
  readonly missId: number;
  readonly fileId: number;
  readonly offset: number;
  readonly length: number;
};

type Outcome = { readonly errno: number; readonly bytes: Uint8Array | undefined };

const ERRNO_MAX = 4095;

export class MissRunner {
  readonly #options: Pick<FlatSessionOptions, 'onMiss' | 'errnoOf'>;
  readonly #onEvent: (event: SessionEvent) => void;
  readonly #running = new Map<WorkerHandle, Map<number, AbortController>>();
  #isClosed = false;

  constructor(
    options: Pick<FlatSessionOptions, 'onMiss' | 'errnoOf'>,
    onEvent: (event: SessionEvent) => void,
  ) {
    this.#options = options;
    this.#onEvent = onEvent;
  }

  start(worker: WorkerHandle, miss: Miss): void {
    if (this.#isClosed) return;
    const ofWorker = this.#running.get(worker) ?? new Map<number, AbortController>();
    this.#running.set(worker, ofWorker);
    const controller = new AbortController();
    ofWorker.set(miss.missId, controller);
    const call = { signal: controller.signal, readyEventFd: worker.eventFd };
    void this.#run(miss, call).then((outcome) => {
      // Abandoned or closed: whoever did that has answered or handed over the request.
      if (!ofWorker.delete(miss.missId) || this.#isClosed) return;
      worker.send({ kind: 'miss-done', missId: miss.missId, ...outcome });
    });
  }

  abandon(worker: WorkerHandle, missId: number): void {
    const controller = this.#running.get(worker)?.get(missId);
    this.#running.get(worker)?.delete(missId);
    controller?.abort();
  }

  abandonAll(worker: WorkerHandle): void {
    const controllers = [...(this.#running.get(worker)?.values() ?? [])];
    this.#running.delete(worker);
    for (const controller of controllers) controller.abort();
  }

  /** Aborts everything; nothing is answered any more. */
  close(): void {
    this.#isClosed = true;
    for (const worker of [...this.#running.keys()]) this.abandonAll(worker);
  }

  /** What the reader gets. Never rejects. */
  async #run({ fileId, offset, length }: Miss, call: MissCall): Promise<Outcome> {
    try {
      return { errno: 0, bytes: await this.#options.onMiss(fileId, offset, length, call) };
    } catch (error) {
      if (call.signal.aborted) return { errno: constants.errno.EIO, bytes: undefined };
      const errno = this.#errnoOf(error);
      this.#onEvent({ kind: 'miss-failed', fileId, offset, length, errno, error });
      return { errno, bytes: undefined };
    }
  }

  #errnoOf(error: unknown): number {
    const errno = this.#options.errnoOf(error);
    return Number.isInteger(errno) && errno > 0 && errno <= ERRNO_MAX ? errno : constants.errno.EIO;
  }
}
