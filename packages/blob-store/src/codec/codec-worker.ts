/**
 * A codec thread: takes jobs, one after the other, and answers with their results. Buffers come
 * and go by transfer.
 */
import { parentPort } from 'node:worker_threads';
import { errorCode } from '@shoal/errors';
import type { CodecJobKind, CodecJobs } from './codec-jobs.ts';
import { runDecompress } from './run-decompress.ts';
import { runHashFile } from './run-hash-file.ts';
import { runHashStream } from './run-hash-stream.ts';
import { runCompress, runDigest, runPieceHashes, runVerifyFile } from './run-job.ts';

/** A job of any kind, kind and job matching. */
export type CodecRequest = {
  [K in CodecJobKind]: { readonly id: number; readonly kind: K; readonly job: CodecJobs[K]['job'] };
}[CodecJobKind];

export type CodecReply =
  | { readonly id: number; readonly ok: true; readonly result: CodecJobs[CodecJobKind]['result'] }
  | {
      readonly id: number;
      readonly ok: false;
      readonly message: string;
      readonly code: string | undefined;
    };

type Outcome = {
  readonly result: CodecJobs[CodecJobKind]['result'];
  readonly transfer: ArrayBuffer[];
};

async function perform(request: CodecRequest): Promise<Outcome> {
  switch (request.kind) {
    case 'compress': {
      const result = await runCompress(request.job);
      const { stored, storedLengths, digests } = result;
      return { result, transfer: [stored, storedLengths.buffer, digests.buffer] };
    }
    case 'verify-decompress': {
      const result = await runDecompress(request.job);
      return { result, transfer: [result.raw] };
    }
    case 'digest': {
      const result = await runDigest(request.job);
      return { result, transfer: [result.raw, result.digests.buffer] };
    }
    case 'piece-hashes': {
      const result = runPieceHashes(request.job);
      return { result, transfer: [result.raw, ...result.hashes.map(({ buffer }) => buffer)] };
    }
    case 'hash-stream': {
      const result = runHashStream(request.job);
      return { result, transfer: [result.raw] };
    }
    case 'verify-file':
      return { result: await runVerifyFile(request.job), transfer: [] };
    case 'hash-file': {
      const result = runHashFile(request.job);
      return { result, transfer: result.digests === undefined ? [] : [result.digests.buffer] };
    }
  }
}

if (parentPort) {
  const port = parentPort;
  const reply = (message: CodecReply, transfer: ArrayBuffer[]) =>
    port.postMessage(message, transfer);
  port.on('message', (request: CodecRequest) => {
    perform(request).then(
      ({ result, transfer }) => reply({ id: request.id, ok: true, result }, transfer),
      (error: unknown) => {
        const message = error instanceof Error ? error.message : String(error);
        reply({ id: request.id, ok: false, message, code: errorCode(error) }, []);
      },
    );
  });
}
