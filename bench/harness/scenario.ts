/** The contract between `bench/run.ts` and a scenario. */
import type { ScenarioResult } from './report.ts';

export type ScenarioOptions = {
  /** A few seconds on small input: shows that the scenario runs, not how fast anything is. */
  readonly isSmall: boolean;
  /** Repetitions; the median counts. */
  readonly runs: number;
  /** A part of the scenario, where it has parts: the others are left out. */
  readonly only?: string | undefined;
  /** Of reads, where a scenario has a number of them. */
  readonly count?: number | undefined;
  /** Of what a scenario draws by lot. */
  readonly seed?: number | undefined;
  readonly say: (text: string) => void;
  /** Told of each part that is measured, so that an interruption loses only the one that runs. */
  readonly keep: (part: ScenarioResult) => void;
};

export type Scenario = {
  readonly summary: string;
  /** Repetitions unless the command line says otherwise. @default 3 */
  readonly runs?: number;
  /** What `--only` takes. */
  readonly parts?: readonly string[];
  readonly run: (options: ScenarioOptions, directory: string) => Promise<ScenarioResult>;
};
