/**
 * A source over blobs in memory that does what a test tells it: fail, lie, stop short, hang.
 */
import { ShoalError } from '@shoal/errors';
import type { BlobId } from '@shoal/oci';
import {
  type BlobKey,
  type BlobReadOptions,
  type BlobSource,
  type Priority,
  priorityOf,
} from '../../src/index.ts';

export class FaultError extends ShoalError {
  override readonly code = 'ERR_TEST_FAULT';
}

export type ScriptedRead = {
  readonly offset: number;
  readonly length: number;
  readonly priority: Priority;
  readonly number: number;
};

/** What to do instead of answering right; undefined: answer right. */
export type Script = (
  read: ScriptedRead,
  bytes: Buffer,
  signal: AbortSignal | undefined,
  /** Of bytes that come before the answer. */
  tell: NonNullable<BlobReadOptions['onBytes']>,
) => Promise<Buffer | undefined> | Buffer | undefined;

export class ScriptedSource implements BlobSource {
  readonly name: string;
  readonly reads: ScriptedRead[] = [];
  readonly #blobs = new Map<BlobId, Buffer>();
  script: Script = () => undefined;
  isClosed = false;

  constructor(blobs: readonly { blobId: BlobId; stored: Buffer }[], name = 'memory') {
    this.name = name;
    for (const { blobId, stored } of blobs) this.#blobs.set(blobId, stored);
  }

  get bytesRead(): number {
    return this.reads.reduce((sum, { length }) => sum + length, 0);
  }

  async read(
    blob: BlobKey,
    offset: number,
    length: number,
    options: BlobReadOptions = {},
  ): Promise<Buffer> {
    const { signal, onFetched, onBytes = () => undefined } = options;
    const priority = priorityOf(options);
    const read = { offset, length, priority, number: this.reads.length };
    this.reads.push(read);
    const stored = this.#blobs.get(blob.blobId);
    if (stored === undefined) throw new FaultError(`no blob ${blob.blobId}`);
    const bytes = Buffer.from(stored.subarray(offset, offset + length));
    const answer = (await this.script(read, bytes, signal, onBytes)) ?? bytes;
    onFetched?.(this.name, answer.length);
    return answer;
  }

  async close(): Promise<void> {
    this.isClosed = true;
  }
}

/** Hangs until the read is given up, like a server that stopped talking. */
export function hang(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
