/** How many bytes came from where and went out, in all and a second. */
import { byPriority, type Priority } from '@shoal/blob-store';
import type { TransferRates } from '../tracker/host-report.ts';

/** `store`: held here already. */
export type TrafficSource = 'store' | 'rack' | 'zone' | 'other' | 'origin' | 'upload';

/** Where what is read here comes from. */
export type ReadSource = Exclude<TrafficSource, 'upload'>;

/** By source, and by who wanted them when they came. */
export type TrafficCauses = Readonly<Record<ReadSource, Readonly<Record<Priority, number>>>>;

export type TrafficBytes = Readonly<Record<TrafficSource, number>>;

const noBytes = (): Record<TrafficSource, number> => ({
  store: 0,
  rack: 0,
  zone: 0,
  other: 0,
  origin: 0,
  upload: 0,
});

const noCauses = () => byPriority(() => 0);

export class PeerTraffic {
  readonly #nowMs: () => number;
  readonly #bytes = noBytes();
  readonly #causes: Readonly<Record<ReadSource, Record<Priority, number>>> = {
    ...{ store: noCauses(), rack: noCauses(), zone: noCauses(), other: noCauses() },
    origin: noCauses(),
  };
  #ratedBytes = noBytes();
  #ratedAtMs: number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
    this.#ratedAtMs = nowMs();
  }

  count(source: ReadSource, bytes: number, cause: Priority): void {
    this.#bytes[source] += bytes;
    this.#causes[source][cause] += bytes;
  }

  uploaded(bytes: number): void {
    this.#bytes.upload += bytes;
  }

  /** Since the start. */
  bytes(): TrafficBytes {
    return { ...this.#bytes };
  }

  /** The same without what was sent, by cause. */
  causes(): TrafficCauses {
    return structuredClone(this.#causes);
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
