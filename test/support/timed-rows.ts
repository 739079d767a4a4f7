/** What reads took, as one row of a table for each case. */
import { availableParallelism, loadavg } from 'node:os';

export type TimedRow = {
  readonly name: string;
  /** Milliseconds of each read of bytes that peers hold. */
  readonly held: readonly number[];
  /** And of bytes that nobody holds. */
  readonly new: readonly number[];
  /** Reads that failed or gave other bytes. */
  readonly wrong: number;
};

/** What a dead host may cost. */
const BAR_MS = 300;

/** The load says how patient hosts are: above the number of processors they wait longer for each other. */
const COLUMNS = [
  'load by processor',
  'reads',
  'median',
  'p99',
  'longest, held by peers',
  'longest, held by nobody',
];

export function timedRowHead(): string {
  return ['case', ...COLUMNS, `reads of ${BAR_MS} ms and more`].join(' | ');
}

export function timedRowText({ name, held, new: fresh }: TimedRow): string {
  const all = [...held, ...fresh].sort((a, b) => a - b);
  const at = (share: number) => all[Math.ceil(share * all.length) - 1] ?? 0;
  const times = [at(0.5), at(0.99), Math.max(...held), Math.max(...fresh)];
  const slow = all.filter((ms) => ms >= BAR_MS).length;
  const load = ((loadavg()[0] ?? 0) / availableParallelism()).toFixed(1);
  return [name, load, all.length, ...times.map((ms) => `${ms.toFixed(1)} ms`), slow].join(' | ');
}
