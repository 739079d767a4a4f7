/**
 * Blocks that are asked of one peer: so many at once, the others wait, the most urgent first. What is
 * aborted is cancelled or never sent, and its place is free at once.
 */
import { type Priority, PriorityQueue } from '@shoal/blob-store';
import { LatencyEstimate } from '../../select/latency-estimate.ts';
import type { BlockRequestOptions } from '../blob-wire.ts';
import { WireClosedError, WireRejectedError, WireUnavailableError } from '../errors.ts';
import { FIRST_URGENCY } from '../extension/urgency.ts';
import { WAITING_REQUESTS_MAX } from '../limits.ts';
import type { WireBlock } from '../wire-block.ts';
import type { PlacedBlock } from './piece-layout.ts';

/** What the queue needs of its wire. */
export interface RequestLine {
  /** Requests may be sent now. */
  readonly mayAsk: boolean;
  request(
    index: number,
    offset: number,
    length: number,
    callback: (error: Error | null, bytes: Uint8Array | null) => void,
  ): void;
  cancelRequest(block: WireBlock): void;
  /** Of the requests that follow; false where the other side does not understand it. */
  tellUrgency?(priority: Priority): boolean;
}

type Waiting = {
  readonly priority: Priority;
  readonly send: () => void;
  readonly fail: (error: Error) => void;
};

export class RequestQueue {
  readonly #line: RequestLine;
  readonly #waiting = new PriorityQueue<Waiting>();
  readonly #sentMax: number;
  #sentCount = 0;
  #outstandingBytes = 0;
  readonly #latency: LatencyEstimate;
  /** What the other side takes the next request for. */
  #urgency = FIRST_URGENCY;

  /** `latencyMs`: of the line, until the first block has come. `sentMax`: under way at once. */
  constructor(line: RequestLine, latencyMs: number, sentMax: number) {
    this.#line = line;
    this.#sentMax = sentMax;
    this.#latency = new LatencyEstimate(latencyMs);
  }

  get outstandingBytes(): number {
    return this.#outstandingBytes;
  }

  get latencyMs(): number {
    return this.#latency.averageMs;
  }

  get latencyP95Ms(): number {
    return this.#latency.p95Ms;
  }

  async request(block: PlacedBlock, { signal, priority }: BlockRequestOptions): Promise<Buffer> {
    signal?.throwIfAborted();
    if (this.#waiting.size >= WAITING_REQUESTS_MAX) {
      throw new WireRejectedError(block.start, block.length);
    }
    this.#outstandingBytes += block.length;
    try {
      return await this.#ask(block, priority, signal);
    } finally {
      this.#outstandingBytes -= block.length;
      this.pump();
    }
  }

  /** Sends what may be sent. */
  pump(): void {
    while (this.#waiting.size > 0 && this.#sentCount < this.#sentMax) {
      if (!this.#line.mayAsk) return;
      this.#waiting.shift()?.send();
    }
  }

  /** Rejects those that were not sent; the wire rejects the others. */
  close(error: WireClosedError): void {
    while (this.#waiting.size > 0) this.#waiting.shift()?.fail(error);
  }

  #ask(block: PlacedBlock, priority: Priority, signal: AbortSignal | undefined): Promise<Buffer> {
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
    let isSent = false;
    const settle = (error: Error | undefined, bytes?: Buffer) => {
      signal?.removeEventListener('abort', onAbort);
      if (isSent) this.#sentCount -= 1;
      if (bytes === undefined) reject(error);
      else resolve(bytes);
    };
    const onAbort = () => {
      if (isSent) this.#line.cancelRequest(block);
      else this.#waiting.remove(waiting);
      settle(abortReason(signal));
    };
    const send = () => {
      isSent = true;
      this.#sentCount += 1;
      this.#tellUrgency(priority);
      this.#send(block, settle);
    };
    const waiting: Waiting = { priority, send, fail: settle };
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#waiting.push(waiting);
    this.pump();
    return promise;
  }

  #tellUrgency(priority: Priority): void {
    if (priority === this.#urgency) return;
    if (this.#line.tellUrgency?.(priority) === true) this.#urgency = priority;
  }

  #send(block: PlacedBlock, settle: (error: Error | undefined, bytes?: Buffer) => void): void {
    const sentAtMs = performance.now();
    const { index, offset, length, start } = block;
    this.#line.request(index, offset, length, (error, bytes) => {
      if (Buffer.isBuffer(bytes)) {
        this.#latency.add(performance.now() - sentAtMs);
        settle(undefined, bytes);
      } else if (error instanceof WireUnavailableError) {
        settle(new WireUnavailableError(start, length));
      } else if (error instanceof WireClosedError) settle(error);
      else settle(new WireRejectedError(start, length));
    });
  }
}

function abortReason(signal: AbortSignal | undefined): Error {
  const reason: unknown = signal?.reason;
  return reason instanceof Error ? reason : new DOMException('aborted', 'AbortError');
}
