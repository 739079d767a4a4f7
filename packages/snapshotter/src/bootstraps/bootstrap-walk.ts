/**
 * The complete walk of a bootstrap before the kernel may see it. Large ones are walked in a thread
 * of their own, because readers of other mounts wait for the main thread.
 */
import { Worker } from 'node:worker_threads';
import { ShoalError } from '@shoal/errors';
import { openBootstrap, verifyBootstrap } from '@shoal/rafs';
import { WALK_INLINE_BYTES_MAX } from '../limits.ts';
import { neutralizeForOverlay } from './overlay-neutral.ts';

export type WalkedBootstrap = {
  readonly inodes: number;
  /** In the order of the device table. */
  readonly blobIds: readonly string[];
  /** A copy without instructions to overlayfs; undefined when there are none. */
  readonly overlayBytes: Uint8Array | undefined;
};

/** An error of the walk as it crosses the thread's border. */
export type WalkFailure = {
  readonly code: string | undefined;
  readonly message: string;
  readonly remedy: string | undefined;
};

export type WalkReply = { readonly walked: WalkedBootstrap } | { readonly failure: WalkFailure };

/** The bootstrap breaks a rule; code and words are those of the rafs package. */
export class BootstrapRefusedError extends ShoalError {
  override readonly code: string;

  constructor(failure: WalkFailure) {
    super(failure.message, failure.remedy === undefined ? {} : { remedy: failure.remedy });
    this.code = failure.code ?? 'ERR_SNAPSHOTTER_BOOTSTRAP_WALK';
  }
}

/** Throws the coded error of the first rule that is broken. */
export function walkBootstrap(bytes: Buffer): Promise<WalkedBootstrap> {
  if (bytes.length > WALK_INLINE_BYTES_MAX) return walkInThread(bytes);
  return Promise.resolve().then(() => walkHere(bytes));
}

export function walkHere(bytes: Buffer): WalkedBootstrap {
  const bootstrap = openBootstrap(bytes);
  const summary = verifyBootstrap(bootstrap);
  const hasInstructions = summary.overlayXattrs + summary.overlayWhiteouts > 0;
  return {
    inodes: summary.inodes,
    blobIds: bootstrap.blobs.map(({ blobId }) => blobId),
    overlayBytes: hasInstructions ? neutralizeForOverlay(bytes) : undefined,
  };
}

async function walkInThread(bytes: Buffer): Promise<WalkedBootstrap> {
  const url = new URL('./bootstrap-walk-worker.ts', import.meta.url);
  const worker = new Worker(url, { workerData: bytes });
  try {
    const reply = await new Promise<WalkReply>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
    if ('failure' in reply) throw new BootstrapRefusedError(reply.failure);
    return reply.walked;
  } finally {
    await worker.terminate();
  }
}
