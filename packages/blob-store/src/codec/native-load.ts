/**
 * Loading native modules in threads while the process may end. Node ends its threads when the
 * process exits, and a native module that is interrupted while it starts takes the whole process
 * with it (SIGABRT instead of the exit status). So the exit waits for modules that are being
 * loaded, and none starts once it has begun.
 */
import { isMainThread, workerData } from 'node:worker_threads';
import { NATIVE_LOAD_WAIT_MS_MAX } from '../limits.ts';

/** What a thread that loads native modules needs in its `workerData`. */
export type NativeLoads = { readonly nativeLoads: Int32Array<SharedArrayBuffer> };

/** Threads that load a module right now. */
const LOADING = 0;
/** 1 when the process exits. */
const LEAVING = 1;
const WORDS = 2;

let shared: NativeLoads | undefined;

/** For the thread that starts others: their `workerData`. One for the whole process. */
export function nativeLoads(): NativeLoads {
  if (shared !== undefined) return shared;
  const words = new Int32Array(new SharedArrayBuffer(WORDS * Int32Array.BYTES_PER_ELEMENT));
  shared = { nativeLoads: words };
  process.on('exit', () => waitForLoads(words));
  return shared;
}

function waitForLoads(words: Int32Array<SharedArrayBuffer>): void {
  Atomics.store(words, LEAVING, 1);
  const giveUpAt = performance.now() + NATIVE_LOAD_WAIT_MS_MAX;
  for (;;) {
    const loading = Atomics.load(words, LOADING);
    const leftMs = giveUpAt - performance.now();
    if (loading === 0 || leftMs <= 0) return;
    Atomics.wait(words, LOADING, loading, leftMs);
  }
}

/** Calls `load`, which loads native modules. Throws when the process has begun to exit. */
export function loadNative<T>(load: () => T): T {
  const words = isMainThread ? undefined : wordsOf(workerData);
  if (words === undefined) return load();
  Atomics.add(words, LOADING, 1);
  try {
    // After the count: the exit either sees it and waits, or is seen here.
    if (Atomics.load(words, LEAVING) !== 0) throw new Error('the process exits');
    return load();
  } finally {
    Atomics.sub(words, LOADING, 1);
    Atomics.notify(words, LOADING);
  }
}

function wordsOf(data: unknown): Int32Array<SharedArrayBuffer> | undefined {
  if (typeof data !== 'object' || data === null || !('nativeLoads' in data)) return undefined;
  const { nativeLoads: words } = data;
  if (!(words instanceof Int32Array) || !(words.buffer instanceof SharedArrayBuffer)) {
    return undefined;
  }
  return new Int32Array(words.buffer);
}
