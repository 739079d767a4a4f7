/** The labels of the node that this pod runs on: asked for until they come, for a few seconds at most. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isRetryable } from '@shoal/errors';
import { NODE_LABELS_MS_MAX, NODE_LABELS_PAUSE_MS, NODE_LABELS_TRY_MS } from '../limits.ts';
import { askForLabels, type NodeLabels } from './node-request.ts';
import { type PodSurroundings, readServiceAccount } from './service-account.ts';

export type NodeLabelsOptions = PodSurroundings & {
  /** One try. */
  readonly tryMs?: number | undefined;
  /** All of them together. */
  readonly msMax?: number | undefined;
};

/** Throws `ERR_NODE_LABELS`: what went wrong the last time. */
export async function readNodeLabels(options: NodeLabelsOptions = {}): Promise<NodeLabels> {
  const { tryMs = NODE_LABELS_TRY_MS, msMax = NODE_LABELS_MS_MAX } = options;
  const over = performance.now() + msMax;
  for (let pauseMs = NODE_LABELS_PAUSE_MS; ; pauseMs *= 2) {
    const leftMs = Math.max(1, Math.round(over - performance.now()));
    try {
      // Read for each try: a token that had just ended is another one the next time.
      const account = await readServiceAccount(options);
      return await askForLabels(account, AbortSignal.timeout(Math.min(tryMs, leftMs)));
    } catch (error) {
      if (!isRetryable(error) || performance.now() + pauseMs >= over) throw error;
    }
    await sleep(pauseMs);
  }
}
