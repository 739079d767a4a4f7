/** Takes in what hosts report, and answers with what they should do and when they should report again. */
import type { HostFacts } from '../../identity/host.ts';
import type { HostReport, ReportAnswer } from '../host-report.ts';
import { REPORT_INTERVAL_MS_MAX, REPORT_INTERVAL_MS_MIN, REPORTS_PER_SECOND } from '../limits.ts';
import type { AnnounceGate, HostAsker } from './announce-gate.ts';
import type { KnownBlob } from './known-blobs.ts';
import type { PreheatTable } from './preheat-table.ts';
import type { Holding } from './swarm-peer.ts';
import type { TrackedSwarms } from './tracked-swarms.ts';

export type ReportIntakeOptions = {
  readonly table: TrackedSwarms;
  readonly gate: AnnounceGate;
  readonly preheats: PreheatTable;
};

export class ReportIntake {
  readonly #table: TrackedSwarms;
  readonly #gate: AnnounceGate;
  readonly #preheats: PreheatTable;

  constructor({ table, gate, preheats }: ReportIntakeOptions) {
    this.#table = table;
    this.#gate = gate;
    this.#preheats = preheats;
  }

  /** Throws `ERR_P2P_TRACKER_REQUEST`. */
  take(asker: HostAsker, report: HostReport, nowMs: number): ReportAnswer {
    const { host, role } = asker;
    const { zone, rack, address } = report;
    for (const progress of report.preheats) this.#preheats.progress(host, progress, nowMs);
    if (report.isStopping === true) {
      const tracked = this.#table.hosts.get(host);
      if (tracked !== undefined) this.#table.forget(tracked);
    } else {
      const facts: HostFacts = { host, role, zone, rack, address };
      this.#table.report(facts, report, this.#heldBy(asker, report), nowMs);
    }
    return {
      nextReportMs: this.#nextReportMs(),
      preheats: [...this.#preheats.ordersOf(host)],
      cancelledPreheats: [...this.#preheats.cancelledIds()],
    };
  }

  /** Blobs of repositories that the host may not read are left out: it has no business with them. */
  #heldBy(asker: HostAsker, { blobs }: HostReport): ReadonlyMap<KnownBlob, Holding> {
    const covers = this.#gate.coverOf(asker, undefined);
    const held = new Map<KnownBlob, Holding>();
    for (const news of blobs) {
      if (!covers(news.repository)) continue;
      const { sizeBytes } = news;
      const heldBytes = Math.min(news.heldBytes, sizeBytes);
      const isWhole = sizeBytes > 0 && heldBytes === sizeBytes;
      held.set(this.#table.blobs.learn(news), { heldBytes, isWhole });
    }
    return held;
  }

  #nextReportMs(): number {
    const spreadMs = (this.#table.hosts.size / REPORTS_PER_SECOND) * 1000;
    return Math.min(Math.max(REPORT_INTERVAL_MS_MIN, spreadMs), REPORT_INTERVAL_MS_MAX);
  }
}
