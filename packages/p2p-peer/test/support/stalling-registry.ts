/**
 * A registry over HTTP that begins each answer and sends the rest when the test says so, and the origin of
 * a cluster that reads it as hosts do.
 */
import { createServer, type ServerResponse } from 'node:http';
import {
  type BlobKey,
  type BlobReadOptions,
  type BlobSource,
  exactSource,
  RateLimit,
  registryBlobSource,
} from '@shoal/blob-store';
import { type BlobId, parseReference } from '@shoal/oci';
import { openSource } from '@shoal/registry-client';
import { serveOnLoopback } from '@shoal/test-kit';
import { CountingOrigin } from './peer-cluster.ts';

type Scope = Parameters<typeof serveOnLoopback>[0];

/** One GET of a range. */
export type Answer = {
  readonly start: number;
  readonly end: number;
  readonly response: ServerResponse;
};

export class StallingRegistry {
  readonly host: string;
  /** So many bytes of each answer are sent before it stalls. */
  static readonly BEGUN_BYTES = 128 << 10;
  readonly answers: Answer[];
  readonly #bytes: Buffer;

  static async open(t: Scope, bytes: Buffer): Promise<StallingRegistry> {
    const answers: Answer[] = [];
    const server = createServer(({ headers: { range } }, response) => {
      const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(range ?? '') ?? [];
      const [start, end] = [Number(first), Number(last) + 1];
      response.writeHead(206, { 'content-range': `bytes ${start}-${end - 1}/${bytes.length}` });
      response.write(bytes.subarray(start, Math.min(end, start + StallingRegistry.BEGUN_BYTES)));
      answers.push({ start, end, response });
    });
    return new StallingRegistry(await serveOnLoopback(t, server), bytes, answers);
  }

  private constructor(host: string, bytes: Buffer, answers: Answer[]) {
    this.host = host;
    this.#bytes = bytes;
    this.answers = answers;
  }

  /** The rest of an answer. */
  finish({ start, end, response }: Answer): void {
    const begun = Math.min(end, start + StallingRegistry.BEGUN_BYTES);
    response.end(this.#bytes.subarray(begun, end));
  }

  /** As a host reads it: bounded, limited, over one client. */
  async source(attemptsMax: number): Promise<BlobSource> {
    const store = await openSource(parseReference(`${this.host}/app:v1`), {
      plainHttp: true,
      retry: { attemptsMax, delayMs: 1, delayMaxMs: 2 },
    });
    const limit = new RateLimit({ bytesPerSecond: 1 << 30 });
    return limit.over(exactSource(registryBlobSource(store)));
  }
}

/** What hosts of a cluster read is of another source. */
export class SourceOrigin extends CountingOrigin {
  readonly #source: BlobSource;

  constructor(source: BlobSource, blobId: BlobId, bytes: Buffer) {
    super(new Map([[blobId, bytes]]));
    this.#source = source;
  }

  override async read(blob: BlobKey, offset: number, length: number, options?: BlobReadOptions) {
    this.reads.push({ offset, length });
    return await this.#source.read(blob, offset, length, options);
  }
}
