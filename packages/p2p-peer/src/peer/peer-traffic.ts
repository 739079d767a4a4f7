/** How many bytes came from where and went out, in all and a second. */
import type { TransferRates } from '../tracker/host-report.ts';

/** `store`: held here already. */
export type TrafficSource = 'store' | 'rack' | 'zone' | 'other' | 'origin' | 'upload';

export type TrafficBytes = Readonly<Record<TrafficSource, number>>;

const noBytes = (): Record<TrafficSource, number> => ({
  store: 0,
  rack: 0,
  zone: 0,
  other: 0,
  origin: 0,
  upload: 0,
});

export class PeerTraffic {
  readonly #nowMs: () => number;
  readonly #bytes = noBytes();
  #ratedBytes = noBytes();
  #ratedAtMs: number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
    this.#ratedAtMs = nowMs();
  }

  count(source: TrafficSource, bytes: number): void {
    this.#bytes[source] += bytes;
  }

  /** Since the start. */
  bytes(): TrafficBytes {
    return { ...this.#bytes };
  }

  /** Bytes a second since the last call. */
  takeRates(): TransferRates {
    const nowMs = this.#nowMs();
    const seconds = Math.max(nowMs - this.#ratedAtMs, 1) / 1000;
    const before = this.#ratedBytes;
    const rateOf = (source: TrafficSource) => (this.#bytes[source] - before[source]) / seconds;
    const rates = {
      local: rateOf('store'),
      rack: rateOf('rack'),
      zone: rateOf('zone'),
      other: rateOf('other'),
      origin: rateOf('origin'),
      upload: rateOf('upload'),
    };
    this.#ratedBytes = { ...this.#bytes };
    this.#ratedAtMs = nowMs;
    return rates;
  }
}
