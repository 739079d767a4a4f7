/** One worker thread as the main thread sees it: start, talk, stop. */
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { FuseSessionClosedError } from '../errors.ts';
import { signalEvent } from '../syscalls.ts';
import { giveEventFd, takeEventFd } from './event-fds.ts';
import {
  CONTROL_WORDS,
  COUNTERS,
  Control,
  type FromWorker,
  type ToWorker,
  type WorkerFile,
  type WorkerStart,
} from './worker-messages.ts';

export type WorkerListener = {
  readonly message: (from: WorkerHandle, message: FromWorker) => void;
  /** The thread ended without being told to. */
  readonly failed: (from: WorkerHandle, error: unknown) => void;
};

/** A stop that takes longer is given up: a device read hangs, and closing must not. */
const STOP_WAIT_MS = 5000;

export class WorkerHandle {
  readonly counters = new Float64Array(
    new SharedArrayBuffer(COUNTERS * Float64Array.BYTES_PER_ELEMENT),
  );
  /** Resolves when the worker serves; rejects when it could not start. */
  readonly started: Promise<void>;
  readonly #control = new Int32Array(
    new SharedArrayBuffer(CONTROL_WORDS * Int32Array.BYTES_PER_ELEMENT),
  );
  /** Signalled, it looks whether reads that wait are ready. */
  readonly eventFd = takeEventFd();
  readonly #port: MessagePort;
  readonly #worker: Worker;
  /** Resolves when the thread has ended. */
  readonly exited: Promise<void>;
  readonly #tickets = new Map<number, () => void>();
  readonly #listener: WorkerListener;
  readonly #leaveAtExit = () => this.#leaveNow();
  #nextTicket = 1;
  #isEnding = false;
  #hasEnded = false;

  constructor(fuseFd: number, files: readonly WorkerFile[], listener: WorkerListener) {
    this.#listener = listener;
    const channel = new MessageChannel();
    this.#port = channel.port1;
    const start: WorkerStart = {
      fuseFd,
      eventFd: this.eventFd,
      control: this.#control.buffer as SharedArrayBuffer,
      counters: this.counters.buffer as SharedArrayBuffer,
      files,
    };
    this.#worker = new Worker(new URL('./session-worker.ts', import.meta.url), {
      name: 'shoal-fuse',
      workerData: { start, port: channel.port2 },
      transferList: [channel.port2],
      execArgv: [],
    });
    this.exited = new Promise((resolve) => this.#worker.once('exit', () => resolve()));
    process.on('exit', this.#leaveAtExit);
    this.started = this.#listen();
    this.started.catch(() => undefined);
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  send(message: ToWorker): void {
    if (this.#hasEnded) return;
    this.#port.postMessage(message);
    Atomics.add(this.#control, Control.messages, 1);
    signalEvent(this.eventFd);
  }

  /** Sends a message that is answered with `done`; a worker that ends counts as done. */
  request(message: (ticket: number) => ToWorker): Promise<void> {
    if (this.#hasEnded) return Promise.resolve();
    const ticket = this.#nextTicket;
    this.#nextTicket += 1;
    return new Promise((resolve) => {
      this.#tickets.set(ticket, resolve);
      this.send(message(ticket));
    });
  }

  /** Ends the thread; never waits longer than a few seconds. */
  async stop(answerWaiting: boolean): Promise<void> {
    this.#isEnding = true;
    this.send({ kind: 'stop', answerWaiting });
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise((resolve) => {
      timer = setTimeout(resolve, STOP_WAIT_MS);
    });
    await Promise.race([this.exited, late]);
    clearTimeout(timer);
    if (!this.#hasEnded) this.#worker.unref();
  }

  #listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#port.on('message', (message: FromWorker) => {
        if (message.kind === 'started') resolve();
        else if (message.kind === 'done') this.#ticketDone(message.ticket);
        else this.#listener.message(this, message);
      });
      let failure: unknown = new FuseSessionClosedError('a FUSE worker thread ended by itself');
      this.#worker.on('error', (error) => {
        failure = error;
      });
      this.#worker.on('exit', () => {
        this.#ended();
        reject(failure);
        if (!this.#isEnding) this.#listener.failed(this, failure);
      });
    });
  }

  #ticketDone(ticket: number): void {
    this.#tickets.get(ticket)?.();
    this.#tickets.delete(ticket);
  }

  #ended(): void {
    this.#hasEnded = true;
    process.off('exit', this.#leaveAtExit);
    this.#port.close();
    giveEventFd(this.eventFd);
    for (const resolve of this.#tickets.values()) resolve();
    this.#tickets.clear();
  }

  /** At process exit Node joins its threads: they must not sit in poll(2) then. */
  #leaveNow(): void {
    Atomics.store(this.#control, Control.leaveNow, 1);
    if (!this.#hasEnded) signalEvent(this.eventFd);
  }
}
