/**
 * Gets that were ordered over HTTP: some run, some wait, and those that are over can be asked for during
 * a while. All of it is in memory: a daemon that starts anew knows none.
 */
import { randomBytes } from 'node:crypto';
import { relative } from 'node:path';
import { addBytes, type DownloadedFile, NO_BYTES, type SourceBytes } from '@shoal/downloads';
import { encodeError } from '../control/control-errors.ts';
import type { ErrorBody } from '../control/control-protocol.ts';
import {
  GET_FILES_SHOWN_MAX,
  GETS_KEPT_MAX,
  GETS_KEPT_MS,
  GETS_RUNNING_MAX,
  GETS_WAITING_MAX,
} from '../limits.ts';
import { ApiRequestError } from './errors.ts';
import type { GetOrder } from './get-order.ts';
import type { RunGetOptions } from './run-get.ts';

export type GetState = 'waiting' | 'running' | 'done' | 'failed' | 'cancelled';

export type GetView = {
  readonly id: string;
  readonly what: string;
  /** Below the configured directory. */
  readonly target: string;
  readonly state: GetState;
  readonly createdAt: string;
  readonly endedAt?: string | undefined;
  readonly bytesDone: number;
  /** 0 until it is known. */
  readonly bytesTotal: number;
  readonly sources: SourceBytes;
  readonly filesDone: number;
  readonly files: readonly Omit<DownloadedFile, 'sources'>[];
  readonly error?: ErrorBody['error'] | undefined;
};

type Task = {
  readonly order: GetOrder;
  readonly controller: AbortController;
  view: GetView;
  endedMs: number | undefined;
  ended: Promise<void> | undefined;
};

export type RunGet = (
  order: GetOrder,
  options: RunGetOptions,
) => Promise<readonly DownloadedFile[]>;

export type GetTasksOptions = {
  readonly directory: string;
  readonly run: RunGet;
  /** @default performance.now */
  readonly nowMs?: (() => number) | undefined;
};

export class GetTasks implements AsyncDisposable {
  readonly #options: GetTasksOptions;
  readonly #nowMs: () => number;
  /** By id, in the order they came. */
  readonly #tasks = new Map<string, Task>();
  #isClosed = false;

  constructor(options: GetTasksOptions) {
    this.#options = options;
    this.#nowMs = options.nowMs ?? (() => performance.now());
  }

  /** Throws `ERR_NODE_API_REQUEST` when too many wait. */
  create(order: GetOrder): GetView {
    this.#forgetOld();
    if (this.#count('waiting') >= GETS_WAITING_MAX) {
      throw new ApiRequestError(429, 'too many gets wait', { retryable: true });
    }
    const id = randomBytes(8).toString('hex');
    const view: GetView = {
      ...{ id, what: order.what, target: order.target.join('/'), state: 'waiting' },
      createdAt: new Date().toISOString(),
      ...{ bytesDone: 0, bytesTotal: 0, sources: NO_BYTES, filesDone: 0, files: [] },
    };
    const task = { order, controller: new AbortController(), view };
    this.#tasks.set(id, { ...task, endedMs: undefined, ended: undefined });
    this.#startNext();
    return this.get(id);
  }

  list(): readonly GetView[] {
    this.#forgetOld();
    return [...this.#tasks.values()].map(({ view }) => view);
  }

  /** Throws `ERR_NODE_API_REQUEST` when it is not known. */
  get(id: string): GetView {
    return this.#find(id).view;
  }

  /** What was had stays, for the next order of the same. Nothing happens to one that is over. */
  cancel(id: string): GetView {
    const task = this.#find(id);
    if (task.endedMs === undefined) {
      this.#end(task, { state: 'cancelled' });
      task.controller.abort();
      this.#startNext();
    }
    return task.view;
  }

  #find(id: string): Task {
    this.#forgetOld();
    const task = this.#tasks.get(id);
    if (task === undefined) throw new ApiRequestError(404, 'there is no such get');
    return task;
  }

  #count(state: GetState): number {
    return [...this.#tasks.values()].filter(({ view }) => view.state === state).length;
  }

  /** Cancelled ones count until they have let go. */
  #running(): number {
    return [...this.#tasks.values()].filter(({ ended }) => ended !== undefined).length;
  }

  #startNext(): void {
    for (const task of this.#tasks.values()) {
      if (this.#isClosed || this.#running() >= GETS_RUNNING_MAX) return;
      if (task.view.state !== 'waiting') continue;
      task.view = { ...task.view, state: 'running' };
      task.ended = this.#run(task).finally(() => {
        task.ended = undefined;
        this.#startNext();
      });
    }
  }

  async #run(task: Task): Promise<void> {
    const { order, controller } = task;
    const change = (fields: Partial<GetView>) => {
      task.view = { ...task.view, ...fields };
    };
    try {
      await this.#options.run(order, {
        signal: controller.signal,
        onSize: (bytesTotal) => change({ bytesTotal }),
        onBytes: (bytes) => change({ bytesDone: task.view.bytesDone + bytes }),
        onSource: (bytes) => change({ sources: addBytes(task.view.sources, bytes) }),
        onFile: (file) => change(this.#withFile(task.view, file)),
      });
      this.#end(task, { state: 'done' });
    } catch (error) {
      this.#end(task, { state: 'failed', error: encodeError(error).body.error });
    }
  }

  #withFile({ files, filesDone }: GetView, { sources: _, ...file }: DownloadedFile) {
    const path = relative(this.#options.directory, file.file);
    const shown = files.length < GET_FILES_SHOWN_MAX ? [...files, { ...file, file: path }] : files;
    return { files: shown, filesDone: filesDone + 1 };
  }

  /** One that is over stays as it is. */
  #end(task: Task, fields: Partial<GetView>): void {
    if (task.endedMs !== undefined) return;
    task.endedMs = this.#nowMs();
    task.view = { ...task.view, ...fields, endedAt: new Date().toISOString() };
  }

  #forgetOld(): void {
    const over = [...this.#tasks].filter(([, task]) => isOver(task));
    const tooMany = over.length - GETS_KEPT_MAX;
    const before = this.#nowMs() - GETS_KEPT_MS;
    for (const [index, [id, { endedMs = 0 }]] of over.entries()) {
      if (index < tooMany || endedMs < before) this.#tasks.delete(id);
    }
  }

  /** What runs is given up, and can be ordered again. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const all = [...this.#tasks.values()];
    for (const { controller } of all) controller.abort();
    await Promise.all(all.map(({ ended }) => ended));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function isOver({ endedMs, ended }: Task): boolean {
  return endedMs !== undefined && ended === undefined;
}
