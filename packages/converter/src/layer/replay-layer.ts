/**
 * Replays a layer's records onto the tree, giving way to signals and timers now and then: a layer
 * may hold millions of entries.
 */
import { setImmediate } from 'node:timers/promises';
import type { ApplyContext } from './apply-layer.ts';
import { LayerApplier } from './apply-layer.ts';
import { readEntries } from './entry-codec.ts';
import type { Directory } from './image-tree.ts';

/** Looking at the clock costs more than applying a few entries. */
const ENTRIES_PER_LOOK = 64;
const TURN_MS = 50;

/** Throws `LayerEntryError`, `LayerRecordError`, `ImageLimitError`, or the signal's reason. */
export async function replayLayer(
  root: Directory,
  records: Buffer,
  context: ApplyContext,
  signal: AbortSignal,
): Promise<void> {
  const applier = new LayerApplier(root, context);
  let turnEndsAtMs = performance.now() + TURN_MS;
  let count = 0;
  for (const entry of readEntries(records)) {
    applier.apply(entry);
    if (++count % ENTRIES_PER_LOOK !== 0 || performance.now() < turnEndsAtMs) continue;
    await setImmediate();
    signal.throwIfAborted();
    turnEndsAtMs = performance.now() + TURN_MS;
  }
}
