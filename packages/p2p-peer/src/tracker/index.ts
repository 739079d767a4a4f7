/** What hosts have to do with trackers. The tracker itself is `server/`. */
export type { AnnounceEvent, AnnounceRequest } from './client/announce-text.ts';
export {
  PreheatOrders,
  type PreheatOrdersOptions,
  type PreheatWish,
} from './client/preheat-orders.ts';
export { ReportLoop, type ReportLoopOptions } from './client/report-loop.ts';
export { TrackerClient, type TrackerClientOptions } from './client/tracker-client.ts';
export * from './errors.ts';
export type { FoundPeer } from './found-peers.ts';
export type {
  HeldBlob,
  HostReport,
  PreheatOrder,
  PreheatProgress,
  ReportAnswer,
  TransferRates,
} from './host-report.ts';
export * from './limits.ts';
export type * from './swarm-overview.ts';
