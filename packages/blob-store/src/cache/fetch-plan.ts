/**
 * Which ranges of the stored blob to ask for so that some chunks become present: units that lie
 * side by side become one request, up to a maximum; nothing between them is fetched.
 */
import { REQUEST_CHUNKS_MAX, REQUEST_RAW_BYTES_MAX, REQUEST_STORED_BYTES_MAX } from '../limits.ts';
import type { ChunkColumns } from './cached-blob.ts';
import { chunksOfUnit } from './chunk-lookup.ts';
import { alignToBlock } from './ready-map.ts';

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
  const storedBytesMax = limits.storedBytesMax ?? REQUEST_STORED_BYTES_MAX;
  const requests: FetchRequest[] = [];
  let current: PlannedUnit[] = [];
  let currentBytes = { stored: 0, raw: 0, chunks: 0 };
  const close = () => {
    if (current.length > 0) requests.push(requestOf(current, currentBytes.raw));
    current = [];
    currentBytes = { stored: 0, raw: 0, chunks: 0 };
  };
  for (const { unit, rawBytes } of plannedUnits(chunks, wanted, isMissing)) {
    const last = current.at(-1);
    const isNeighbour =
      last !== undefined && last.storedOffset + last.storedSize === unit.storedOffset;
    const isTooMuch =
      currentBytes.stored + unit.storedSize > storedBytesMax ||
      currentBytes.raw + rawBytes > REQUEST_RAW_BYTES_MAX ||
      currentBytes.chunks + unit.chunks.length > REQUEST_CHUNKS_MAX;
    if (!isNeighbour || isTooMuch) close();
    current.push(unit);
    currentBytes.stored += unit.storedSize;
    currentBytes.raw += rawBytes;
    currentBytes.chunks += unit.chunks.length;
  }
  close();
  return requests;
}

function* plannedUnits(
  chunks: ChunkColumns,
  wanted: Iterable<number>,
  isMissing: (index: number) => boolean,
): Generator<{ unit: PlannedUnit; rawBytes: number }> {
  let done = -1;
  for (const index of wanted) {
    if (index <= done) continue;
    const run = chunksOfUnit(chunks, index);
    done = run.end - 1;
    const members: number[] = [];
    let rawBytes = 0;
    for (let member = run.first; member < run.end; member++) {
      if (member !== index && !isMissing(member)) continue;
      members.push(member);
      rawBytes += alignToBlock(chunks.size[member] ?? 0);
    }
    const storedOffset = chunks.storedOffset[index] ?? 0;
    const storedSize = chunks.storedSize[index] ?? 0;
    yield { unit: { storedOffset, storedSize, chunks: members }, rawBytes };
  }
}

function requestOf(units: readonly PlannedUnit[], rawBytes: number): FetchRequest {
  const storedOffset = units[0]?.storedOffset ?? 0;
  let storedBytes = 0;
  for (const unit of units) storedBytes += unit.storedSize;
  const chunks = units.flatMap((unit) => unit.chunks);
  return { storedOffset, storedBytes, rawBytes, units, chunks };
}
