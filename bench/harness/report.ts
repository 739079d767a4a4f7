/**
 * What a scenario tells: rows of figures, and what each is compared with in the same run. Ratios
 * are the result; absolute figures stand beside them to show the scale of this machine.
 */
import { cpus, loadavg, release, totalmem } from 'node:os';
import { median, ratioInTurn } from './figures.ts';

export type Row = {
  /** What was done. */
  readonly work: string;
  /** Who did it. */
  readonly contestant: string;
  readonly value: number;
  readonly unit: string;
  /** This value by the reference's value of the same work; undefined for the reference itself. */
  readonly ratio?: number | undefined;
  /** What the ratio should be, in words: `<= 1`. */
  readonly bar?: string | undefined;
};

export type Report = {
  readonly scenario: string;
  readonly date: string;
  /** What was measured; told when the tree was not exactly that. */
  readonly commit?: string;
  readonly machine: {
    readonly cpu: string;
    readonly cores: number;
    readonly memoryBytes: number;
    readonly kernel: string;
    readonly node: string;
    /** Load average of the last 15 minutes when the report was made: far above the cores, times say little. */
    readonly load?: number;
  };
  readonly parameters: Readonly<Record<string, string | number>>;
  readonly rows: readonly Row[];
  readonly notes: readonly string[];
};

export type ScenarioResult = Pick<Report, 'parameters' | 'rows' | 'notes'>;

export function makeReport(scenario: string, commit: string, result: ScenarioResult): Report {
  return {
    scenario,
    date: new Date().toISOString(),
    commit,
    machine: {
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: cpus().length,
      memoryBytes: totalmem(),
      kernel: release(),
      node: process.version,
      load: Math.round(loadavg()[2] ?? 0),
    },
    ...result,
  };
}

/** The report as a table for people (Markdown, so that it can be committed as it is). */
export function formatReport(report: Report): string {
  const { machine } = report;
  const header = ['work', 'who', 'figure', 'ratio', 'aim'];
  const rows = report.rows.map((row) => [
    row.work,
    row.contestant,
    `${formatFigure(row.value)} ${row.unit}`,
    ratioText(row, report.rows),
    row.bar ?? '',
  ]);
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [
    `# ${report.scenario}, ${report.date.slice(0, 10)}` +
      (report.commit === undefined ? '' : `, ${report.commit}`),
    '',
    `${machine.cores} cores (${machine.cpu}), ${Math.round(machine.memoryBytes / 2 ** 30)} GiB, ` +
      `Linux ${machine.kernel}, Node ${machine.node}` +
      (machine.load === undefined ? '' : `, load average ${machine.load}`),
    Object.entries(report.parameters)
      .map(([name, value]) => `${name}: ${value}`)
      .join('; '),
    '',
    line(header),
    `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`,
    ...rows.map(line),
    '',
    ...report.notes.map((note) => `- ${note}`),
    '',
  ].join('\n');
}

/** Nothing for work that only one contestant did. */
function ratioText({ work, ratio }: Row, rows: readonly Row[]): string {
  if (ratio !== undefined) return ratio.toFixed(2);
  return rows.filter((row) => row.work === work).length > 1 ? '1 (reference)' : '';
}

function formatFigure(value: number): string {
  if (value >= 100) return value.toFixed(0);
  return value >= 1 ? value.toFixed(2) : value.toPrecision(2);
}

/** Ratio rows of one kind of work: the first contestant is the reference. */
export function compareRows(
  work: string,
  unit: string,
  values: ReadonlyMap<string, number>,
  bar?: string,
): Row[] {
  const reference = values.values().next().value;
  return [...values].map(([contestant, value], index) => ({
    work,
    contestant,
    value,
    unit,
    ...(index === 0 || reference === undefined ? {} : { ratio: value / reference, bar }),
  }));
}

/** The same of what was measured in turn: medians, and ratios round by round. */
export function compareRounds(
  work: string,
  unit: string,
  rounds: ReadonlyMap<string, readonly number[]>,
  bar?: string,
): Row[] {
  const reference = rounds.values().next().value;
  return [...rounds].map(([contestant, values], index) => ({
    work,
    contestant,
    value: median(values),
    unit,
    ...(index === 0 || reference === undefined
      ? {}
      : { ratio: ratioInTurn(values, reference), bar }),
  }));
}

/** The later report, and before its rows and notes those of the earlier one that it does not have. */
export function mergeReports(earlier: Report, later: Report): Report {
  const measured = new Set(later.rows.map(({ work }) => work));
  const kept = earlier.rows.filter(({ work }) => !measured.has(work));
  const notes = kept.length === 0 ? later.notes : [...new Set([...earlier.notes, ...later.notes])];
  return { ...later, rows: [...kept, ...later.rows], notes };
}
