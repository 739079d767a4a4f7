/**
 * The worker thread of a session: a synchronous loop over `/dev/fuse`.
 *
 * Asynchronous reads would cost a thread-pool hop per request (half the throughput); a blocking
 * read would hang the process at exit. So: non-blocking reads, and poll on {device, eventfd} when
 * there is nothing to read.
 */
import { constants } from 'node:os';
import { type MessagePort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { PollSet, readRaw, writeRaw } from '../syscalls.ts';
import { FileTable } from './file-table.ts';
import { ReadServer } from './read-server.ts';
import { encodeErrorReply } from './reply.ts';
import { decodeRequest, type FuseRequest, uniqueOf } from './request.ts';
import {
  Control,
  Counter,
  type FromWorker,
  type ToWorker,
  type WorkerStart,
} from './worker-messages.ts';

const { EAGAIN, EINTR, EIO, ENODEV, ENOENT, ESTALE } = constants.errno;

/** Larger than any request: names, a page of forgets. */
const REQUEST_BYTES = 128 * 1024;
const FOR_EVER_MS = -1;

class SessionWorker {
  readonly #start: WorkerStart;
  readonly #port: MessagePort;
  readonly #control: Int32Array;
  readonly #counters: Float64Array;
  readonly #files = new FileTable();
  readonly #reads: ReadServer;
  readonly #request = Buffer.allocUnsafeSlow(REQUEST_BYTES);
  #messagesSeen = 0;
  #running = true;

  constructor(start: WorkerStart, port: MessagePort) {
    this.#start = start;
    this.#port = port;
    this.#control = new Int32Array(start.control);
    this.#counters = new Float64Array(start.counters);
    for (const file of start.files) this.#files.add(file);
    this.#reads = new ReadServer(start.fuseFd, this.#files, this.#counters, (message) =>
      this.#post(message),
    );
  }

  run(): void {
    this.#post({ kind: 'started' });
    const { fuseFd, eventFd } = this.#start;
    const both = new PollSet([eventFd, fuseFd]);
    while (this.#takeMessages()) {
      const count = readRaw(fuseFd, this.#request);
      if (count > 0) this.#handle(this.#request.subarray(0, count));
      else if (count === -EAGAIN) this.#wait(both);
      else if (count === -ENODEV) this.#waitForStop(new PollSet([eventFd]));
      else if (count !== -EINTR && count !== -ENOENT) {
        throw new Error(`reading a FUSE request failed with errno ${-count}`);
      }
    }
    this.#port.close();
  }

  #wait(poll: PollSet): void {
    poll.wait(FOR_EVER_MS);
    if (readRaw(this.#start.eventFd, this.#request.subarray(0, 8)) > 0) this.#reads.answerReady();
  }

  /** The connection is over: nothing but messages can come. */
  #waitForStop(poll: PollSet): void {
    this.#post({ kind: 'event', event: { kind: 'disconnected' } });
    while (this.#takeMessages()) this.#wait(poll);
  }

  /** Obeys what has come; false when the loop must end. */
  #takeMessages(): boolean {
    const count = Atomics.load(this.#control, Control.messages);
    if (count !== this.#messagesSeen) {
      this.#messagesSeen = count;
      for (;;) {
        const received = receiveMessageOnPort(this.#port);
        if (received === undefined) break;
        const message: ToWorker = received.message;
        this.#obey(message);
      }
    }
    return this.#running && Atomics.load(this.#control, Control.leaveNow) === 0;
  }

  #obey(message: ToWorker): void {
    switch (message.kind) {
      case 'add':
        this.#files.add(message.file);
        this.#post({ kind: 'done', ticket: message.ticket });
        break;
      case 'remove':
        this.#files.remove(message.fileId);
        this.#reads.failWaiting(ESTALE, message.fileId);
        this.#post({ kind: 'done', ticket: message.ticket });
        break;
      case 'settle':
        this.#post({ kind: 'done', ticket: message.ticket });
        break;
      case 'fail-waiting':
        this.#reads.failWaiting(EIO, message.fileId);
        this.#post({ kind: 'done', ticket: message.ticket });
        break;
      case 'miss-done':
        this.#reads.missDone(message.missId, message.errno, message.bytes);
        break;
      case 'stop':
        if (message.answerWaiting) this.#reads.failWaiting(EIO);
        this.#running = false;
        break;
    }
  }

  #handle(bytes: Buffer): void {
    this.#counters[Counter.requests] = (this.#counters[Counter.requests] ?? 0) + 1;
    let request: FuseRequest;
    try {
      request = decodeRequest(bytes);
    } catch (error) {
      const unique = uniqueOf(bytes);
      if (unique !== undefined) writeRaw(this.#start.fuseFd, encodeErrorReply(unique, EIO));
      this.#post({ kind: 'event', event: { kind: 'bad-request', error } });
      return;
    }
    if (request.kind === 'read') this.#reads.read(request);
    else if (request.kind === 'forget') this.#post({ kind: 'forgotten', fileIds: request.nodeIds });
    else if (request.kind !== 'no-reply') {
      writeRaw(this.#start.fuseFd, this.#files.reply(request));
    }
  }

  #post(message: FromWorker): void {
    this.#port.postMessage(message);
  }
}

const { start, port }: { start: WorkerStart; port: MessagePort } = workerData;
new SessionWorker(start, port).run();
