/** The thread of `bootstrap-walk.ts`: walks the bytes it was started with and answers once. */
import { parentPort, workerData } from 'node:worker_threads';
import { errorCode, ShoalError } from '@shoal/errors';
import { type WalkFailure, type WalkReply, walkHere } from './bootstrap-walk.ts';

function walk(bytes: Uint8Array): WalkReply {
  try {
    return { walked: walkHere(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)) };
  } catch (error) {
    return { failure: describe(error) };
  }
}

function describe(error: unknown): WalkFailure {
  return {
    code: errorCode(error),
    message: error instanceof Error ? error.message : String(error),
    remedy: error instanceof ShoalError ? error.remedy : undefined,
  };
}

parentPort?.postMessage(walk(workerData));
