/** The contract between `bench/run.ts` and a scenario. */
import type { ScenarioResult } from './report.ts';

export type ScenarioOptions = {
  /** A few seconds on small input: shows that the scenario runs, not how fast anything is. */
  readonly isSmall: boolean;
  /** Repetitions; the median counts. */
  readonly runs: number;
  readonly say: (text: string) => void;
};

export type Scenario = {
  readonly summary: string;
  readonly run: (options: ScenarioOptions, directory: string) => Promise<ScenarioResult>;
};
