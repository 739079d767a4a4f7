/**
 * Which ranges of the stored blob to ask for so that some chunks become present: units that lie
 * side by side become one request, up to a maximum; nothing between them is fetched.
 */

import type { ChunkColumns } from '../description/blob-description.ts';
import { alignToBlock, chunksOfUnit } from '../description/chunk-lookup.ts';
import { REQUEST_CHUNKS_MAX, REQUEST_RAW_BYTES_MAX, REQUEST_STORED_BYTES_MAX } from '../limits.ts';

/** One unit to fetch, and those of its chunks that are wanted from it, ascending. */
export type PlannedUnit = {
  readonly storedOffset: number;
  readonly storedSize: number;
  readonly chunks: readonly number[];
};

export type FetchRequest = {
  readonly storedOffset: number;
  readonly storedBytes: number;
  /** Bytes of the chunks, each rounded up to a block. */
  readonly rawBytes: number;
  readonly units: readonly PlannedUnit[];
  readonly chunks: readonly number[];
};

export type PlanLimits = {
  /** @default REQUEST_STORED_BYTES_MAX */
  readonly storedBytesMax?: number;
};

/**
 * Requests for the chunks of `wanted` (ascending). A unit comes whole: of a batch every chunk that
 * `isMissing` says is absent is taken, not only the wanted one.
 */
export function planFetch(
  chunks: ChunkColumns,
  wanted: Iterable<number>,
  isMissing: (index: number) => boolean,
  limits: PlanLimits = {},
): FetchRequest[] {
  const units = plannedUnits(chunks, wanted, isMissing);
  return groupUnits(units, chunks, limits.storedBytesMax ?? REQUEST_STORED_BYTES_MAX);
}

/** Units (in ascending order of their chunks) as requests: neighbours together, bounded. */
export function groupUnits(
  units: Iterable<PlannedUnit>,
  chunks: ChunkColumns,
  storedBytesMax = REQUEST_STORED_BYTES_MAX,
): FetchRequest[] {
  const requests: FetchRequest[] = [];
  let group: PlannedUnit[] = [];
  let sum = { stored: 0, raw: 0, chunks: 0 };
  const close = () => {
    if (group.length > 0) requests.push(requestOf(group, sum.raw));
    group = [];
    sum = { stored: 0, raw: 0, chunks: 0 };
  };
  for (const unit of units) {
    const rawBytes = rawBytesOf(chunks, unit);
    const last = group.at(-1);
    const isNeighbour = last?.storedOffset === unit.storedOffset - (last?.storedSize ?? 0);
    const isTooMuch =
      sum.stored + unit.storedSize > storedBytesMax ||
      sum.raw + rawBytes > REQUEST_RAW_BYTES_MAX ||
      sum.chunks + unit.chunks.length > REQUEST_CHUNKS_MAX;
    if (!isNeighbour || isTooMuch) close();
    group.push(unit);
    sum.stored += unit.storedSize;
    sum.raw += rawBytes;
    sum.chunks += unit.chunks.length;
  }
  close();
  return requests;
}

function* plannedUnits(
  chunks: ChunkColumns,
  wanted: Iterable<number>,
  isMissing: (index: number) => boolean,
): Generator<PlannedUnit> {
  let done = -1;
  for (const index of wanted) {
    if (index <= done) continue;
    const run = chunksOfUnit(chunks, index);
    done = run.end - 1;
    const members: number[] = [];
    for (let member = run.first; member < run.end; member++) {
      if (member === index || isMissing(member)) members.push(member);
    }
    const storedOffset = chunks.storedOffset[index] ?? 0;
    const storedSize = chunks.storedSize[index] ?? 0;
    yield { storedOffset, storedSize, chunks: members };
  }
}

function rawBytesOf(chunks: ChunkColumns, unit: PlannedUnit): number {
  let bytes = 0;
  for (const chunk of unit.chunks) bytes += alignToBlock(chunks.size[chunk] ?? 0);
  return bytes;
}

function requestOf(units: readonly PlannedUnit[], rawBytes: number): FetchRequest {
  const storedOffset = units[0]?.storedOffset ?? 0;
  let storedBytes = 0;
  for (const unit of units) storedBytes += unit.storedSize;
  const chunks = units.flatMap((unit) => unit.chunks);
  return { storedOffset, storedBytes, rawBytes, units, chunks };
}
