/** What contestants took for the same reads, as rows: of those reads alone that had to wait. */
import { quantile } from './figures.ts';
import { type MissContestant, PEER } from './miss-contestants.ts';
import type { Place } from './miss-places.ts';
import { compareRows, type Row } from './report.ts';

/** What one contestant took for one chunk. */
export type Sample = {
  readonly place: Place;
  /** Of each reader: one, or as many as read at once. */
  readonly ms: readonly number[];
  /** Of another page of the same chunk, once it is here. */
  readonly againMs: number | undefined;
  readonly processorMs: number;
  readonly registryBytes: number;
};

export type Measured = { readonly contestant: MissContestant; readonly samples: readonly Sample[] };
export type Misses = Measured & {
  readonly bySource: readonly { readonly name: string; readonly count: number }[];
};

/** Chunks from here on count as large: an ordinary one has up to 1 MiB. */
const LARGE_CHUNK_BYTES = 512 << 10;
/** Up to here they are those of small files. */
export const SMALL_CHUNK_BYTES = 64 << 10;
const ANY = Number.POSITIVE_INFINITY;
/** Of the 50th and the 99th percentile. */
const BARS = ['< 3 ms', '< 20 ms'];

/** With who delivered, where that is known. */
export async function onlyMisses({ contestant, samples }: Measured): Promise<Misses> {
  const sourceOf = await contestant.sources?.();
  const isMiss = ({ place, registryBytes }: Sample) =>
    contestant.isTracedByRegistry ? registryBytes > 0 : sourceOf?.(place) !== undefined;
  const isRecorded = contestant.isTracedByRegistry || sourceOf !== undefined;
  const misses = isRecorded ? samples.filter(isMiss) : samples;
  const sources = new Set(misses.map(({ place }) => sourceOf?.(place) ?? ''));
  const bySource = [...sources].map((name) => ({
    name,
    count: misses.filter(({ place }) => (sourceOf?.(place) ?? '') === name).length,
  }));
  return { contestant, samples: misses, bySource };
}

export function countsText({ contestant: { who }, bySource }: Misses): string {
  return `${who}: ${bySource.map(({ name, count }) => `${count} ${name}`.trim()).join(', ') || 0}`;
}

export function missRows(all: readonly Misses[]): Row[] {
  const isAlone = ({ ms }: Sample) => ms.length === 1;
  const between = (above: number, upTo: number) =>
    timesOf(all, (sample) => {
      const { rawBytes } = sample.place.chunk;
      const isMeant = isAlone(sample) && !sample.place.isDrawn;
      return isMeant && rawBytes > above && rawBytes <= upTo ? sample.ms : [];
    });
  const drawn = timesOf(all, (sample) => (sample.place.isDrawn ? sample.ms : []));
  const together = timesOf(all, (sample) => (isAlone(sample) ? [] : sample.ms));
  const again = timesOf(all, ({ againMs }) => (againMs === undefined ? [] : [againMs]));
  const isLarge = ({ place }: Sample) => place.chunk.rawBytes > SMALL_CHUNK_BYTES && !place.isDrawn;
  const processors = timesOf(all, (sample) =>
    isAlone(sample) && isLarge(sample) ? [sample.processorMs] : [],
  );
  return [
    ...quantileRows('a read, any chunk of the image', drawn, BARS),
    ...quantileRows('a read, chunks over 64 KiB', between(SMALL_CHUNK_BYTES, ANY), BARS),
    ...quantileRows('a read, chunks over 512 KiB', between(LARGE_CHUNK_BYTES, ANY), BARS),
    ...quantileRows('a read, chunks up to 64 KiB', between(0, SMALL_CHUNK_BYTES), BARS),
    ...quantileRows('4 reads at once of a chunk', together),
    ...quantileRows('a read of a chunk that has come', again),
    ...compareRows(
      'processor time of a read, chunks over 64 KiB',
      'ms',
      new Map([...processors].map(([who, values]) => [who, mean(values, 2)])),
    ),
  ];
}

/** Nobody who has none: on small input the first reads may bring everything. */
function timesOf(
  all: readonly Measured[],
  pick: (sample: Sample) => readonly number[],
): Map<string, readonly number[]> {
  return new Map(
    all
      .map(({ contestant, samples }) => [contestant.who, samples.flatMap(pick)] as const)
      .filter(([, values]) => values.length > 0),
  );
}

const QUANTILES = [
  ['p50', 0.5],
  ['p99', 0.99],
  ['longest', 1],
] as const;

function quantileRows(
  work: string,
  times: ReadonlyMap<string, readonly number[]>,
  bars: readonly string[] = [],
): Row[] {
  return QUANTILES.flatMap(([name, q], index) =>
    compareRows(
      `${name} of ${work}`,
      'ms',
      new Map([...times].map(([who, values]) => [who, quantile(values, q)])),
      bars[index],
    ).map(({ bar, ...row }) => (isPeer(row) && bar !== undefined ? { ...row, bar } : row)),
  );
}

/** The bar is of bytes that a peer has. */
function isPeer({ contestant }: Row): boolean {
  return contestant.startsWith(PEER);
}

export function mean(values: readonly number[], digits = 0): number {
  const sum = values.reduce((total, value) => total + value, 0);
  return Number((sum / Math.max(1, values.length)).toFixed(digits));
}
