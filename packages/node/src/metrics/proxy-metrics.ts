/** Metrics of the mirror of registries: of the daemon's, and of `shoal proxy`. */
import type { ProxyEvent } from '@shoal/registry-proxy';
import type { Counter } from 'prom-client';
import type { MetricDefinition, MetricSet } from './metric-set.ts';

export const PROXY_METRIC = {
  proxyRequests: {
    name: 'shoal_proxy_requests_total',
    kind: 'counter',
    unit: 'requests',
    help: 'Requests that the mirror of registries has answered',
    labels: {
      route:
        '`manifests`, `blobs`, `tags`, `referrers`, `ping`, `health`; `refused`: it was none of them',
      outcome:
        '`served`; `missing`: 404; `denied`: 401 or 403; `refused`: other errors of the client,' +
        ' and URLs of others; `failed`: 500 and above otherwise; `cut`: the answer did not come to its end',
    },
  },
  proxyBytes: {
    name: 'shoal_proxy_bytes_total',
    kind: 'counter',
    unit: 'bytes',
    help: 'Bytes of manifests, blobs and lists that the mirror has sent to its clients',
    labels: {
      source: '`peer`: from hosts; `cache`: they were here; `upstream`: from the registry',
    },
  },
  proxyStale: {
    name: 'shoal_proxy_stale_answers_total',
    kind: 'counter',
    unit: 'requests',
    help: 'Answers of the mirror out of its memory because the registry failed',
  },
} as const satisfies Record<string, MetricDefinition>;

type Outcome = 'served' | 'missing' | 'denied' | 'refused' | 'failed' | 'cut';

export class ProxyMetrics {
  readonly #requests: Counter;
  readonly #bytes: Counter;
  readonly #stale: Counter;

  constructor(set: MetricSet) {
    this.#requests = set.counter(PROXY_METRIC.proxyRequests);
    this.#bytes = set.counter(PROXY_METRIC.proxyBytes);
    this.#stale = set.counter(PROXY_METRIC.proxyStale);
  }

  readonly answered = (event: ProxyEvent): void => {
    const { kind, bytesBy, isStale } = event;
    this.#requests.inc({ route: kind, outcome: outcomeOf(event) });
    this.#bytes.inc({ source: 'peer' }, bytesBy.peer);
    this.#bytes.inc({ source: 'cache' }, bytesBy.local);
    this.#bytes.inc({ source: 'upstream' }, bytesBy.origin);
    if (isStale) this.#stale.inc();
  };
}

function outcomeOf({ status, upstream, errorCode }: ProxyEvent): Outcome {
  if (status === 404) return 'missing';
  if (status === 401 || status === 403) return 'denied';
  // Of a URL that leads elsewhere: its client's mistake, though nydusd needs a number above 500.
  if (status === 501 && upstream === undefined) return 'refused';
  if (status >= 500) return 'failed';
  if (status >= 400) return 'refused';
  return errorCode === undefined ? 'served' : 'cut';
}
