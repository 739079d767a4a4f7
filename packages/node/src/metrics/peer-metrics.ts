/** What is told of this host among its peers: asked for at each scrape, but for the times of blocks. */
import type { PeerStatus, TimedBlock } from '@shoal/p2p-peer';
import type { Counter, Gauge, Histogram } from 'prom-client';
import type { MetricSet } from './metric-set.ts';
import { PEER_METRIC } from './peer-metric-definitions.ts';

/** Label of a counter, and where its values are in the counts. */
type LabelledCounter = {
  readonly counter: Counter;
  readonly label: string;
  readonly values: (counts: PeerStatus['counts']) => Readonly<Record<string, number>>;
};

export class PeerMetrics {
  readonly #bytes: Counter;
  readonly #uploaded: Counter;
  readonly #homeBytes: Counter;
  readonly #hosts: Gauge;
  readonly #wires: Gauge;
  readonly #store: Gauge;
  readonly #blockSeconds: Histogram;
  readonly #labelled: readonly LabelledCounter[];

  constructor(set: MetricSet) {
    this.#bytes = set.counter(PEER_METRIC.peerBytes);
    this.#uploaded = set.counter(PEER_METRIC.peerUploadedBytes);
    this.#homeBytes = set.counter(PEER_METRIC.peerHomeBytes);
    this.#hosts = set.gauge(PEER_METRIC.peerHosts);
    this.#wires = set.gauge(PEER_METRIC.peerWires);
    this.#store = set.gauge(PEER_METRIC.peerStoreBytes);
    this.#blockSeconds = set.histogram(PEER_METRIC.peerBlockSeconds);
    this.#labelled = labelledCounters(set);
  }

  readonly blockArrived = ({ distance, seconds }: TimedBlock): void => {
    this.#blockSeconds.observe({ distance }, seconds);
  };

  /** Before each scrape. Undefined: the host shares nothing. */
  ask(peer: PeerStatus | undefined): void {
    const counters = this.#labelled.map(({ counter }) => counter);
    for (const counter of [this.#bytes, ...counters]) counter.reset();
    const single = [this.#uploaded, this.#homeBytes, this.#hosts, this.#wires, this.#store];
    for (const metric of single) metric.remove();
    if (peer === undefined) return;
    for (const [source, byCause] of Object.entries(peer.causes)) {
      for (const [cause, bytes] of Object.entries(byCause)) {
        this.#bytes.inc({ source, cause }, bytes);
      }
    }
    for (const { counter, label, values } of this.#labelled) {
      for (const [value, count] of Object.entries(values(peer.counts))) {
        counter.inc({ [label]: value }, count);
      }
    }
    this.#uploaded.inc(peer.traffic.upload);
    this.#homeBytes.inc(peer.counts.homeBytes);
    this.#hosts.set(peer.hosts);
    this.#wires.set(peer.wires);
    this.#store.set(peer.store.bytes);
  }
}

function labelledCounters(set: MetricSet): readonly LabelledCounter[] {
  const { peerBlocksAsked, peerBlocks, peerBans, peerWrongBytes } = PEER_METRIC;
  const { peerArrivalsRefused, peerDialsFailed, peerUploadsRefused, peerHomeReads } = PEER_METRIC;
  return [
    { counter: set.counter(peerBlocksAsked), label: 'reason', values: ({ asked }) => asked },
    { counter: set.counter(peerBlocks), label: 'outcome', values: ({ outcomes }) => outcomes },
    { counter: set.counter(peerBans), label: 'offence', values: ({ bans }) => bans },
    {
      counter: set.counter(peerWrongBytes),
      label: 'source',
      values: ({ wrongBytes }) => wrongBytes,
    },
    {
      counter: set.counter(peerArrivalsRefused),
      label: 'reason',
      values: ({ arrivalsRefused }) => arrivalsRefused,
    },
    {
      counter: set.counter(peerDialsFailed),
      label: 'reason',
      values: ({ dialsFailed }) => dialsFailed,
    },
    {
      counter: set.counter(peerUploadsRefused),
      label: 'reason',
      values: ({ uploadsRefused }) => uploadsRefused,
    },
    { counter: set.counter(peerHomeReads), label: 'outcome', values: ({ homeReads }) => homeReads },
  ];
}
