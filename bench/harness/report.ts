/**
 * What a scenario tells: rows of figures, and what each is compared with in the same run. Ratios
 * are the result; absolute figures stand beside them to show the scale of this machine.
 */
import { cpus, loadavg, release, totalmem } from 'node:os';
import * as z from 'zod';
import { median, ratioInTurn } from './figures.ts';

const rowSchema = z.strictObject({
  /** What was done. */
  work: z.string(),
  /** Who did it. */
  contestant: z.string(),
  value: z.number(),
  unit: z.string(),
  /** This value by the reference's value of the same work; undefined for the reference itself. */
  ratio: z.number().optional(),
  /** What the ratio should be, in words: `<= 1`. */
  bar: z.string().optional(),
});

const reportSchema = z.strictObject({
  scenario: z.string(),
  date: z.string(),
  /** What was measured; told when the tree was not exactly that. */
  commit: z.string().optional(),
  machine: z.strictObject({
    cpu: z.string(),
    cores: z.number(),
    memoryBytes: z.number(),
    kernel: z.string(),
    node: z.string(),
    /** Load average of the last 15 minutes when the report was made: far above the cores, times say little. */
    load: z.number().optional(),
  }),
  parameters: z.record(z.string(), z.union([z.string(), z.number()])),
  rows: z.array(rowSchema).readonly(),
  notes: z.array(z.string()).readonly(),
});

export type Row = Readonly<z.infer<typeof rowSchema>>;
export type Report = Readonly<z.infer<typeof reportSchema>>;

/** A saved report, the text of its file. Throws for what is none. */
export function parseReport(text: string): Report {
  return reportSchema.parse(JSON.parse(text));
}

export type ScenarioResult = Pick<Report, 'parameters' | 'rows' | 'notes'> & {
  /** Saved beside the table: what its name ends in, and its text. */
  readonly files?: Readonly<Record<string, string>>;
};

export function makeReport(scenario: string, commit: string, result: ScenarioResult): Report {
  const { parameters, rows, notes } = result;
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
    ...{ parameters, rows, notes },
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
