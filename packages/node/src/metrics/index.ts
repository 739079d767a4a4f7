/** Metrics of what runs without a daemon: `shoal proxy` has the same ones, in the same words. */
export { MetricsServer } from './metrics-server.ts';
export { PartMetrics } from './part-metrics.ts';
export { ProxyMetrics } from './proxy-metrics.ts';
