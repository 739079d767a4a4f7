/** The client of a host's daemon: finds it, starts it, talks to it. No part of the daemon is loaded. */
export type { CollectedCache } from './cache/cache-collector.ts';
export type { VerifiedCache } from './cache/verify-caches.ts';
export { decodeConfig, readConfig } from './config/config.ts';
export * from './config/errors.ts';
export { MISS_POLICY_HELP, parseMissPolicy } from './config/miss-policy-text.ts';
export { type DaemonPaths, daemonPaths, type PathChoice } from './config/paths.ts';
export { ControlClient } from './control/control-client.ts';
export type { StatusAnswer } from './control/control-protocol.ts';
export { DaemonBlobs } from './control/daemon-blobs.ts';
export * from './errors.ts';
export type { AskedPlace } from './peers/shared-blobs.ts';
export { urlName } from './peers/url-name.ts';
export { untilProcessEnds } from './process/process-end.ts';
export { readStatus } from './process/read-status.ts';
export { ensureDaemon, type FoundDaemon, findOrStartDaemon } from './process/start-daemon.ts';
