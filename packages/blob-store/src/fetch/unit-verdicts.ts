/**
 * Tells sources what the bytes were that they brought, unit by unit. A unit is right when every
 * chunk in it was verified: of a batch, those that nobody looked at may be anything.
 */

import type { ChunkColumns } from '../description/blob-description.ts';
import { chunksOfUnit } from '../description/chunk-lookup.ts';
import type { VerdictListener } from '../source/blob-source.ts';
import type { FetchRequest, PlannedUnit } from './fetch-plan.ts';

/** `bad`: the chunks of the request that did not verify. */
export function tellVerdicts(
  { units }: FetchRequest,
  chunks: ChunkColumns,
  bad: ReadonlyMap<number, unknown>,
  listeners: readonly VerdictListener[],
): void {
  if (listeners.length === 0) return;
  for (const unit of units) {
    const isWrong = unit.chunks.some((chunk) => bad.has(chunk));
    if (!isWrong && !isWhole(unit, chunks)) continue;
    const verdict = isWrong ? 'wrong' : 'right';
    for (const listener of listeners) listener(unit.storedOffset, unit.storedSize, verdict);
  }
}

function isWhole({ chunks: wanted }: PlannedUnit, chunks: ChunkColumns): boolean {
  const [first = 0] = wanted;
  const run = chunksOfUnit(chunks, first);
  return wanted.length === run.end - run.first;
}
