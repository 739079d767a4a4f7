/** Reads what a Go test program prints with `-test.v` while its cases run one at a time. */

export type GoResult = {
  /** With the names of the tests it lies in: `TestDirectly/Basic`. */
  readonly name: string;
  readonly outcome: 'PASS' | 'FAIL' | 'SKIP' | 'not ended';
  /** What it logged. */
  readonly output: string;
};

const STEP = /^=== (RUN|PAUSE|CONT|NAME) +(\S+)/;
const END = /^ *--- (PASS|FAIL|SKIP): (\S+)/;

/** Results of the cases, in the order in which they were met; tests that hold cases are left out. */
export function parseGoResults(text: string): GoResult[] {
  const outputs = new Map<string, string[]>();
  const outcomes = new Map<string, GoResult['outcome']>();
  let current = '';
  for (const line of text.split('\n')) {
    const step = STEP.exec(line);
    const end = END.exec(line);
    if (step !== null) {
      current = step[2] ?? '';
      if (!outputs.has(current)) outputs.set(current, []);
    } else if (end !== null) {
      current = end[2] ?? '';
      outcomes.set(current, outcomeOf(end[1]));
    } else outputs.get(current)?.push(line);
  }
  const names = [...outputs.keys()];
  return names
    .filter((name) => !names.some((other) => other.startsWith(`${name}/`)))
    .map((name) => ({
      name,
      outcome: outcomes.get(name) ?? 'not ended',
      output: outputs.get(name)?.join('\n') ?? '',
    }));
}

function outcomeOf(word: string | undefined): GoResult['outcome'] {
  return word === 'PASS' || word === 'SKIP' ? word : 'FAIL';
}
