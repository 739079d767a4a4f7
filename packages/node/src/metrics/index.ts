/** Metrics of what runs without a daemon: `shoal proxy` has the same ones, in the same words. */
export { MetricsServer } from './metrics-server.ts';
export { ProxyProcessMetrics } from './proxy-metrics.ts';
