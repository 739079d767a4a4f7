/** Reports to the trackers for as long as a host runs, as often as they want it, and once when it stops. */
import type { HostReport, ReportAnswer } from '../host-report.ts';
import { REPORT_INTERVAL_MS_MAX, REPORT_INTERVAL_MS_MIN } from '../limits.ts';
import type { TrackerClient } from './tracker-client.ts';

export type ReportLoopOptions = {
  readonly client: Pick<TrackerClient, 'report' | 'refreshHosts'>;
  /** What there is to report now. */
  readonly report: () => HostReport;
  /** Hears what trackers want done. */
  readonly onAnswers?: (answers: readonly ReportAnswer[]) => void;
  readonly random?: () => number;
};

/** Hosts that started together do not report together. */
const JITTER = 0.2;

export class ReportLoop implements AsyncDisposable {
  readonly #options: ReportLoopOptions;
  readonly #random: () => number;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: ReportLoopOptions) {
    this.#options = options;
    this.#random = options.random ?? Math.random;
    this.#schedule(0);
  }

  /** Reports now, for example because a preheat is done. Never rejects. */
  reportNow(): Promise<void> {
    if (this.#closing !== undefined) return Promise.resolve();
    this.#running ??= this.#round().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #round(): Promise<void> {
    clearTimeout(this.#timer);
    const { client, report, onAnswers } = this.#options;
    const [answers] = await Promise.all([client.report(report()), client.refreshHosts()]);
    onAnswers?.(answers);
    if (this.#closing !== undefined) return;
    const wantedMs = answers.map(({ nextReportMs }) => nextReportMs);
    const intervalMs = Math.max(REPORT_INTERVAL_MS_MIN, ...wantedMs);
    this.#schedule(Math.min(intervalMs, REPORT_INTERVAL_MS_MAX) * (1 - JITTER * this.#random()));
  }

  #schedule(delayMs: number): void {
    this.#timer = setTimeout(() => void this.reportNow(), delayMs);
    this.#timer.unref();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#running;
    const { client, report } = this.#options;
    await client.report({ ...report(), isStopping: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
