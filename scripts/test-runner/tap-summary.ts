/** Counts the results in the TAP text that one test file printed. */

export type TapCounts = { passed: number; failed: number; skipped: number };

export type TapSummary = TapCounts & {
  /** Names and reasons of what was skipped, marked as to do, or asserted nothing, at any depth. */
  readonly skips: readonly string[];
};

const TEST_POINT = /^( *)(not )?ok\b(?: \d+)?(?: - )?(.*)$/;
const SUBTEST = /^ *# Subtest: (.*)$/;
const EMPTY_SUBTEST = /^ +1\.\.0\s*$/;
const DIRECTIVE = /^(.*?)\s*(?<!\\)#\s*(SKIP|TODO)\b:?\s*(.*)$/i;

/**
 * Counts top-level tests; a skip counts at any depth, so that a test whose inner part did not run
 * cannot hide it, and so does a test without an assertion: it is as good as skipped. Diagnostics that look like test points are indented deeper than their test and
 * start with something else, so they are not mistaken.
 */
export function summarizeTap(text: string): TapSummary {
  const counts: TapCounts = { passed: 0, failed: 0, skipped: 0 };
  const skips: string[] = [];
  let isInDiagnostic = false;
  let subtest = '';
  for (const line of text.split('\n')) {
    if (/^ *---\s*$/.test(line)) isInDiagnostic = true;
    else if (/^ *\.\.\.\s*$/.test(line)) isInDiagnostic = false;
    if (isInDiagnostic) continue;
    subtest = SUBTEST.exec(line)?.[1] ?? subtest;
    if (EMPTY_SUBTEST.test(line)) {
      counts.skipped += 1;
      skips.push(`${subtest}: it asserts nothing`);
    }
    countLine(line, counts, skips);
  }
  return { ...counts, skips };
}

function countLine(line: string, counts: TapCounts, skips: string[]): void {
  if (/^Bail out!/.test(line)) {
    counts.failed += 1;
    return;
  }
  const planned = /^1\.\.0\s*#\s*(?:SKIP\s*)?(.*)$/i.exec(line);
  if (planned !== null) {
    counts.skipped += 1;
    skips.push(planned[1] ?? '');
    return;
  }
  const point = TEST_POINT.exec(line);
  if (point === null) return;
  const [, indent = '', not, title = ''] = point;
  const directive = DIRECTIVE.exec(title);
  if (directive !== null) {
    counts.skipped += 1;
    skips.push(`${directive[1] ?? ''}: ${directive[3] ?? ''}`);
    return;
  }
  if (indent !== '') return;
  if (not === undefined) counts.passed += 1;
  else counts.failed += 1;
}
